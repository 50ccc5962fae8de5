//! What of the log is looked for, and the query that it means.

import type { AuditQuery } from '../bindings/AuditQuery'

/** Everything; an empty text stands for any. */
export const noFilter = { words: '', period: 'all', fromDay: '', toDay: '', server: '', outcome: '', decidedBy: '', model: '' }
export type Filter = typeof noFilter

const hour = 3_600_000
/** Milliseconds back from now; 0: it does not say how far. */
export const periods: { [name: string]: { title: string; back: number } } = {
  all: { title: 'any time', back: 0 },
  hour: { title: 'last hour', back: hour },
  day: { title: 'last 24 hours', back: 24 * hour },
  week: { title: 'last 7 days', back: 7 * 24 * hour },
  month: { title: 'last 30 days', back: 30 * 24 * hour },
  days: { title: 'from … to …', back: 0 },
}

export const isFiltered = (filter: Filter) =>
  filter.words.trim() !== '' || filter.period !== 'all' || [filter.server, filter.outcome, filter.decidedBy, filter.model].some((value) => value !== '')

/** The beginning of a day here, some days on. */
function dayStart(day: string, later: number): string | null {
  const [y, m, d] = day.split('-').map(Number)
  return y && m && d ? new Date(y, m - 1, d + later).toISOString() : null
}

/** `before`: the id of the last row that was read; null: from the newest. */
export function queryOf(filter: Filter, before: string | null): AuditQuery {
  const back = periods[filter.period]?.back ?? 0
  const byDays = filter.period === 'days'
  return {
    text: filter.words.trim() || null,
    from: byDays ? dayStart(filter.fromDay, 0) : back ? new Date(Date.now() - back).toISOString() : null,
    to: byDays ? dayStart(filter.toDay, 1) : null,
    server: filter.server || null,
    outcome: filter.outcome || null,
    decidedBy: filter.decidedBy || null,
    model: filter.model || null,
    before,
    limit: 100,
  }
}
