//! Sizes, times and prices as a person reads them.

const whole = new Intl.NumberFormat('en')

export const number = (n: number) => whole.format(n)

export const plural = (n: number, one: string, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`

/** Words, or characters for scripts that do not put spaces between words. */
export function measure(text: string): string {
  if (text.length > 400_000) return plural(text.length, 'character')
  let count = 0
  for (const _ of text.matchAll(/\S+/g)) count += 1
  return `${plural(count, 'word')}, ${plural([...text].length, 'character')}`
}

export function bytes(n: number): string {
  if (n < 1024) return plural(n, 'byte')
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(1)} KiB`
  return `${(n / 1024 / 1024).toFixed(1)} MiB`
}

/** Bytes in a base64 text. */
export const base64Bytes = (data: string) => Math.floor((data.replace(/[=\s]+$/, '').length * 3) / 4)

/** Millionths of a dollar. */
export function money(micro: number): string {
  if (micro === 0) return '$0'
  const dollars = micro / 1_000_000
  if (dollars < 0.0001) return 'under $0.0001'
  return `$${dollars.toFixed(dollars < 1 ? 4 : 2)}`
}

export function seconds(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** How long ago, in the largest unit that says something. */
export function since(from: string, now: number): string {
  const s = Math.max(0, Math.floor((now - Date.parse(from)) / 1000))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  return plural(Math.floor(s / 86_400), 'day')
}

export const shortHash = (hash: string) => (hash.length > 16 ? `${hash.slice(0, 8)}…${hash.slice(-4)}` : hash)

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const dayAndYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

export const timeOfDay = (at: string) => clock.format(new Date(at))

export function timeOfDayMs(at: string): string {
  const date = new Date(at)
  return `${clock.format(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** The time today, “Yesterday 14:02:11”, or the date and the time. */
export function when(at: string, now = Date.now()): string {
  const date = new Date(at)
  const midnight = new Date(now)
  midnight.setHours(0, 0, 0, 0)
  if (date.getTime() >= midnight.getTime()) return clock.format(date)
  if (date.getTime() >= midnight.getTime() - 86_400_000) return `Yesterday ${clock.format(date)}`
  const sameYear = date.getFullYear() === midnight.getFullYear()
  return `${(sameYear ? day : dayAndYear).format(date)}, ${clock.format(date)}`
}

/** The beginning of a text that may be endless, for a place that has room for so many characters. */
export function short(text: string, most: number): string {
  if (text.length <= most) return text
  const characters = [...text.slice(0, 2 * most)]
  return characters.length <= most && text.length <= 2 * most ? text : `${characters.slice(0, most - 1).join('')}…`
}
