// Takes pictures of every window and state, on the in-memory host, in light and dark and in two sizes.
// Checks on the way: no error in the console, nothing wider than the window, colours of enough contrast.
// `npm run shots [-- NAME…]` builds with `--mode fake` and writes to shots/. CHROMIUM names the browser.

import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

import { chromium } from 'playwright-core'
import { build } from 'vite'

const root = join(import.meta.dirname, '..')
const out = join(root, 'shots')
const only = process.argv.slice(2)

const armed = (page) => page.waitForSelector('[data-testid=decisions][data-armed=true]')
const press = (key) => async (page) => {
  await armed(page)
  await page.keyboard.press(key)
}
const answer = async (page) => {
  await armed(page)
  const unseen = page.getByTestId('show-unseen')
  while (await unseen.isVisible().catch(() => false)) {
    await unseen.click()
    await page.waitForTimeout(300)
  }
  await page.keyboard.press('a')
  await page.waitForSelector('main[data-phase=answer]')
  await armed(page)
}

const toEnd = async (page) => {
  await armed(page)
  await page.getByTestId('paper').evaluate((e) => e.scrollTo(0, e.scrollHeight))
}

/** Name, address, and what to do before the picture. */
const shots = [
  ['review-arming', 'review.html', async () => {}],
  ['review', 'review.html', armed],
  ['review-one', 'review.html?scene=one', armed],
  ['review-reach', 'review.html?scene=one', async (page) => {
    await armed(page)
    await page.getByTestId('scope').selectOption('minutes')
    await armed(page)
  }],
  ['settings-grants', 'settings.html?scene=grants#grants', (page) => page.waitForSelector('[data-testid=grant]')],
  ['review-flagged', 'review.html?scene=flagged', armed],
  ['review-human', 'review.html?scene=human', armed],
  ['review-everything', 'review.html?scene=everything', armed],
  ['review-everything-end', 'review.html?scene=everything', async (page) => {
    await armed(page)
    await page.getByTestId('paper').evaluate((e) => e.scrollTo(0, e.scrollHeight))
  }],
  ['review-provenance', 'review.html?scene=one', async (page) => {
    await armed(page)
    await page.getByTestId('provenance').locator('summary').click()
  }],
  ['review-deny', 'review.html', press('d')],
  ['review-answer-myself', 'review.html?scene=one', press('w')],
  ['review-edit', 'review.html?scene=flagged', press('e')],
  ['review-edited', 'review.html?scene=flagged', async (page) => {
    await press('e')(page)
    const text = page.getByTestId('edit-text').first()
    await text.fill('Rewrite ‘List words that represent names of elements’ so that the list has exactly 5 words.\n\nReturn the rewritten text only.')
    await page.getByTestId('edit-max-tokens').fill('200')
    await page.getByTestId('edit-save').click()
    await armed(page)
  }],
  ['review-raw', 'review.html', press('j')],
  ['review-help', 'review.html', press('?')],
  ['review-models', 'review.html?scene=one', press('m')],
  ['review-outgoing', 'review.html?scene=one', async (page) => {
    await armed(page)
    await page.getByTestId('outgoing').click()
    await page.getByTestId('outgoing-body').waitFor()
  }],
  ['review-waiting', 'review.html?scene=waiting', press('a')],
  ['review-failed', 'review.html?scene=failed', answer],
  ['review-closed', 'review.html#0197a001-0000-7000-8000-000000000005', async () => {}],
  ['review-empty', 'review.html?scene=empty', async (page) => page.getByTestId('empty').waitFor()],
  ['review-thousand', 'review.html?scene=thousand', armed],
  ['answer-streaming', 'review.html?scene=one&slow', async (page) => {
    await press('a')(page)
  }],
  ['answer', 'review.html?scene=answer', answer],
  ['answer-tools', 'review.html?scene=tools', async (page) => {
    await answer(page)
    await page.getByTestId('refuse-call').nth(1).click()
    await page.waitForSelector('[data-decision=refused]')
    await armed(page)
  }],
  ['answer-calls', 'review.html?scene=tools', answer],
  ['findings', 'review.html?scene=letter', armed],
  ['findings-opinion', 'review.html?scene=flagged', async (page) => {
    await press('o')(page)
    await page.getByTestId('opinion-text').waitFor()
    await page.getByTestId('findings').locator('summary').first().click()
  }],
  ['redact', 'review.html?scene=letter', press('x')],
  ['redacted', 'review.html?scene=letter', async (page) => {
    await press('x')(page)
    await page.getByTestId('redact-apply').click()
    await armed(page)
  }],
  ['answer-restored', 'review.html?scene=letter', async (page) => {
    await press('x')(page)
    await page.getByTestId('redact-apply').click()
    await answer(page)
  }],
  ['answer-cannot', 'review.html?scene=cannot', answer],
  ['answer-edited', 'review.html?scene=answer', async (page) => {
    await answer(page)
    await page.keyboard.press('e')
    const text = page.getByTestId('edit-answer-text')
    await text.fill((await text.inputValue()).replace(/\n\n!\[.*/, ''))
    await page.getByTestId('edit-save').click()
    await armed(page)
  }],
  ['form', 'review.html?scene=form', armed],
  ['form-filled', 'review.html?scene=form', async (page) => {
    await armed(page)
    await page.locator('[data-name=guest] [data-testid=field-input]').fill('Ann')
    await page.locator('[data-name=mail] [data-testid=field-input]').fill('nobody')
    await page.locator('[data-name=nights] [data-testid=field-input]').focus()
    await page.waitForSelector('[data-name=mail] [data-testid=field-problem]:not(:empty)')
  }],
  ['form-end', 'review.html?scene=form', toEnd],
  ['form-phishing', 'review.html?scene=phishing', armed],
  ['form-decline', 'review.html?scene=form', press('d')],
  ['address', 'review.html?scene=address', armed],
  ['call', 'review.html?scene=call', armed],
  ['call-flagged', 'review.html?scene=call-flagged', armed],
  ['call-edit', 'review.html?scene=call', press('e')],
  ['call-result', 'review.html?scene=call', answer],
  ['kinds', 'review.html?scene=kinds', armed],
  ...['request', 'form', 'address', 'call'].flatMap((kind) => [
    [`endless-${kind}`, `review.html?scene=endless-${kind}`, armed],
    [`endless-${kind}-end`, `review.html?scene=endless-${kind}`, toEnd],
  ]),
  ['hosts', 'settings.html#hosts', (page) => page.waitForSelector('[data-testid=known-host]')],
  ['hosts-end', 'settings.html#hosts', async (page) => {
    await page.waitForSelector('[data-testid=known-host]')
    await page.getByTestId('content').evaluate((e) => e.scrollTo(0, e.scrollHeight))
  }],
  ['hosts-none', 'settings.html?scene=no-hosts#hosts', (page) => page.waitForSelector('[data-testid=known-host]')],
  ['host-form', 'settings.html#hosts', async (page) => page.getByTestId('host-add').click()],
  ['host-token', 'settings.html#hosts', async (page) => {
    await page.getByTestId('host-add').click()
    await page.getByTestId('host-name').fill('my-agent')
    await page.getByTestId('host-save').click()
    await page.getByTestId('token').waitFor()
  }],
  ['host-plan', 'settings.html#hosts', async (page) => {
    await page.locator('[data-testid=known-host][data-app=cursor]').getByTestId('known-connect').click()
    await page.getByTestId('plan-dialog').waitFor()
  }],
  ['host-undo', 'settings.html#hosts', async (page) => {
    await page.locator('[data-testid=known-host][data-app=claude-desktop]').getByTestId('known-undo').click()
    await page.getByTestId('plan-dialog').waitFor()
  }],
  ['import', 'settings.html#servers', async (page) => {
    await page.getByTestId('server-import').click()
    await page.getByTestId('import-tick').first().click()
  }],
  ['audit', 'audit.html', async (page) => {
    await page.getByTestId('audit-row').nth(7).click()
    await page.getByTestId('audit-entry').waitFor()
    await page.getByTestId('verify').click()
    await page.getByTestId('verify-result').waitFor()
  }],
  ['audit-list', 'audit.html', async (page) => page.getByTestId('audit-row').first().waitFor()],
  ['audit-changes', 'audit.html', async (page) => {
    await page.getByTestId('show-changes').click()
    await page.getByTestId('change').nth(1).locator('summary').click()
  }],
  ['audit-empty', 'audit.html', async (page) => {
    await page.getByTestId('audit-search').fill('nothing like this')
    await page.getByTestId('audit-empty').waitFor()
  }],
  ['welcome', 'settings.html?scene=welcome#welcome', async () => {}],
  ['servers', 'settings.html#servers', async (page) => page.getByTestId('server').first().waitFor()],
  ['server-form', 'settings.html#servers', async (page) => {
    await page.locator('[data-testid=server][data-name=keywords]').getByTestId('server-edit').click()
    await page.getByTestId('server-form').getByTestId('server-test').click()
    await page.getByTestId('server-test-result').waitFor()
  }],
  ...['record', 'tools', 'limits'].map((part) => [`server-${part}`, 'settings.html#servers', async (page) => {
    await page.locator('[data-testid=server][data-name=keywords]').getByTestId('server-approval').click()
    await page.getByTestId(`part-${part}`).click()
    await page.waitForTimeout(200)
  }]),
  ['tools', 'settings.html#tools', async (page) => {
    await page.getByTestId('run-tool').click()
    await page.getByTestId('run-waiting').waitFor()
  }],
  ['tools-nested', 'settings.html#tools', async (page) => {
    await page.getByTestId('run-name').selectOption('rewrite')
    await page.getByTestId('field-add').click()
    await page.getByTestId('run-tool').click()
  }],
  ['tools-result', 'settings.html#tools', async (page) => {
    await page.getByTestId('run-name').selectOption('everything')
    await page.getByTestId('run-tool').click()
    await page.getByTestId('run-result').waitFor()
  }],
  ['models', 'settings.html#models', async (page) => {
    await page.getByTestId('find-local').click()
    await page.getByTestId('found').waitFor()
  }],
  ['model-form', 'settings.html#models', async (page) => page.getByTestId('model-add').click()],
  ['rules', 'settings.html#rules', async (page) => page.getByTestId('rule-add').click()],
  ['rule-from', 'settings.html#rules', async (page) => {
    await page.getByTestId('rule-edit').first().click()
    await page.getByTestId('rule-try').click()
    await page.getByTestId('rule-try-sum').waitFor()
  }],
  ['general', 'settings.html#general', async (page) => page.getByTestId('version').waitFor()],
  ['trouble', 'settings.html?scene=trouble#models', async (page) => page.getByTestId('trouble').waitFor()],
]

const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')

await build({ root, mode: 'fake', logLevel: 'warn' })
mkdirSync(out, { recursive: true })

// The shipped policy, so that what it forbids shows here too.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'"
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' }
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname)
  if (path === '/favicon.ico') return void response.writeHead(204).end()
  try {
    const body = readFileSync(join(root, 'dist-fake', path))
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream', 'content-security-policy': policy })
    response.end(body)
  } catch {
    response.writeHead(404).end()
  }
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const base = `http://127.0.0.1:${server.address().port}`

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
let bad = 0
// For single pictures also 200 % zoom.
for (const [width, height] of only.length > 0 ? [[1080, 700], [720, 480], [540, 350]] : [[1080, 700], [720, 480]]) {

  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme })
    // As in the shipped app (`freezePrototype`).
    await context.addInitScript(() => Object.freeze(Object.prototype))
    for (const [name, address, prepare] of shots) {
      if (only.length > 0 && !only.includes(name)) continue
      const page = await context.newPage()
      const problems = []
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
      page.on('pageerror', (error) => problems.push(error.message))
      try {
        await page.goto(`${base}/${address}`)
        await page.evaluate(() => document.fonts.ready)
        await prepare(page)
        await page.waitForTimeout(120)
      } catch (error) {
        problems.push(String(error).split('\n')[0])
      }
      await page.screenshot({ path: join(out, `${name}-${colorScheme}-${width}.png`) })
      const faint = await page.evaluate(`${axe}; window.axe.run({ runOnly: ['color-contrast'] })`).then(
        ({ violations }) => violations.flatMap((v) => v.nodes.map((n) => `${n.any[0]?.data?.contrastRatio}: ${n.html.slice(0, 120)}`)),
        (error) => [String(error).split('\n')[0]],
      )
      problems.push(...faint)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      if (wide) problems.push('wider than the window')
      for (const problem of problems) console.error(`${name} ${colorScheme} ${width}: ${problem}`)
      bad += problems.length
      await page.close()
    }
    await context.close()
  }
}
await browser.close()
server.close()
process.exitCode = bad > 0 ? 1 : 0
