//! Differences between two texts, by words, and between two lists, by items. Myers' algorithm (1986), bounded.

export interface Op {
  op: 'same' | 'ins' | 'del'
  text: string
}

type Edit = 'same' | 'ins' | 'del'

/** The shortest edit script between two lists; none where it would cost more than `limit` steps. */
function myers<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean, limit: number): Edit[] | undefined {
  const max = Math.min(a.length + b.length, limit)
  const size = 2 * max + 3
  let v = new Int32Array(size)
  const trace: Int32Array[] = []
  const at = (k: number) => k + max + 1
  for (let d = 0; d <= max; d += 1) {
    trace.push(v.slice())
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && v[at(k - 1)]! < v[at(k + 1)]!) ? v[at(k + 1)]! : v[at(k - 1)]! + 1
      let y = x - k
      while (x < a.length && y < b.length && same(a[x]!, b[y]!)) {
        x += 1
        y += 1
      }
      v[at(k)] = x
      if (x >= a.length && y >= b.length) return walkBack(trace, d, a.length, b.length, at)
    }
  }
  return undefined
}

function walkBack(trace: Int32Array[], steps: number, n: number, m: number, at: (k: number) => number): Edit[] {
  const edits: Edit[] = []
  let x = n
  let y = m
  for (let d = steps; d > 0; d -= 1) {
    const v = trace[d]!
    const k = x - y
    const down = k === -d || (k !== d && v[at(k - 1)]! < v[at(k + 1)]!)
    const prevK = down ? k + 1 : k - 1
    const prevX = v[at(prevK)]!
    const prevY = prevX - prevK
    while (x > prevX && y > prevY) {
      edits.push('same')
      x -= 1
      y -= 1
    }
    edits.push(down ? 'ins' : 'del')
    if (down) y -= 1
    else x -= 1
  }
  while (x > 0 && y > 0) {
    edits.push('same')
    x -= 1
    y -= 1
  }
  return edits.reverse()
}

function edits<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean, limit = 1200): Edit[] {
  let head = 0
  while (head < a.length && head < b.length && same(a[head]!, b[head]!)) head += 1
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && same(a[a.length - 1 - tail]!, b[b.length - 1 - tail]!)) tail += 1
  const middleA = a.slice(head, a.length - tail)
  const middleB = b.slice(head, b.length - tail)
  const middle = myers(middleA, middleB, same, limit) ?? [
    ...middleA.map((): Edit => 'del'),
    ...middleB.map((): Edit => 'ins'),
  ]
  return [...Array<Edit>(head).fill('same'), ...middle, ...Array<Edit>(tail).fill('same')]
}

function join(a: readonly string[], b: readonly string[], script: Edit[]): Op[] {
  const out: Op[] = []
  let i = 0
  let j = 0
  let del = ''
  let ins = ''
  let same = ''
  const flushSame = () => {
    if (same) out.push({ op: 'same', text: same })
    same = ''
  }
  const flushChange = () => {
    if (del) out.push({ op: 'del', text: del })
    if (ins) out.push({ op: 'ins', text: ins })
    del = ''
    ins = ''
  }
  for (const edit of script) {
    if (edit === 'same') {
      flushChange()
      same += b[j]!
      i += 1
      j += 1
    } else if (edit === 'del') {
      flushSame()
      del += a[i]!
      i += 1
    } else {
      flushSame()
      ins += b[j]!
      j += 1
    }
  }
  flushSame()
  flushChange()
  return joinNeighbours(out)
}

/** A space between two changes belongs to both: one long change reads better than many short ones. */
function joinNeighbours(ops: Op[]): Op[] {
  const out: Op[] = []
  let at = 0
  while (at < ops.length) {
    if (ops[at]!.op === 'same') {
      out.push(ops[at]!)
      at += 1
      continue
    }
    let del = ''
    let ins = ''
    for (; at < ops.length; at += 1) {
      const { op, text } = ops[at]!
      if (op === 'del') del += text
      else if (op === 'ins') ins += text
      else if (/^[ \t]+$/.test(text) && at + 1 < ops.length) {
        del += text
        ins += text
      } else break
    }
    if (del) out.push({ op: 'del', text: del })
    if (ins) out.push({ op: 'ins', text: ins })
  }
  return out
}

const words = (text: string) => text.match(/[\p{L}\p{N}_\p{M}'’]+|\s+|[^]/gu) ?? []
const lines = (text: string) => text.match(/[^\n]*\n|[^\n]+/g) ?? []

/** The difference by words; by lines where the texts are long. Joined without `del` it is `after`, without `ins` `before`. */
export function diffText(before: string, after: string): Op[] {
  if (before === after) return before ? [{ op: 'same', text: before }] : []
  const cut = before.length + after.length > 200_000 ? lines : words
  const [a, b] = [cut(before), cut(after)]
  return join(a, b, edits(a, b, (x, y) => x === y))
}

/** How many words differ, for a line such as “1 removed, 2 added”. */
export function countChanges(ops: Op[]): { added: number; removed: number } {
  const count = (op: Op['op']) =>
    ops.filter((o) => o.op === op).reduce((n, o) => n + (o.text.match(/\S+/g)?.length ?? 0), 0)
  return { added: count('ins'), removed: count('del') }
}

export interface Pair<T> {
  before: T | undefined
  after: T | undefined
  /** The item's index in `after`; where it is gone, the index it would have. */
  index: number
}

/** Puts two lists side by side: equal items together, then what was changed in place, then what came or went. */
export function align<T>(before: readonly T[], after: readonly T[]): Pair<T>[] {
  if (before === after) return after.map((item, index) => ({ before: item, after: item, index }))
  const keys = (list: readonly T[]) => list.map((item) => JSON.stringify(item))
  const script = edits(keys(before), keys(after), (x, y) => x === y)
  const out: Pair<T>[] = []
  let i = 0
  let j = 0
  let gone: T[] = []
  let come: T[] = []
  const flush = () => {
    const start = j - come.length
    for (let n = 0; n < Math.max(gone.length, come.length); n += 1) {
      out.push({ before: gone[n], after: come[n], index: start + Math.min(n, come.length) })
    }
    gone = []
    come = []
  }
  for (const edit of script) {
    if (edit === 'same') {
      flush()
      out.push({ before: before[i]!, after: after[j]!, index: j })
      i += 1
      j += 1
    } else if (edit === 'del') {
      gone.push(before[i]!)
      i += 1
    } else {
      come.push(after[j]!)
      j += 1
    }
  }
  flush()
  return out
}
