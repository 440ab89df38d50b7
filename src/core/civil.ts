/**
 * Arithmetic of the Gregorian calendar (proleptic, with a year 0): days since 1970-01-01 and their dates. No clock and
 * no zone: those are in `zone.ts`.
 */

export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly date: number
}

/** Day of a date of the Gregorian calendar (proleptic). `month` 1..12, `date` 1..31; not checked against the month. */
export function dayFromCivil(year: number, month: number, date: number): number {
  // Years counted from March put the leap day last, which makes months a linear formula (Howard Hinnant's algorithm).
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + date - 1
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468
}

export function civilFromDay(day: number): CivilDate {
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const date = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date }
}

/** The same for a date that someone wrote: undefined where the calendar does not have it, such as 31 April. */
export function checkedDayFromCivil(year: number, month: number, date: number): number | undefined {
  if (month < 1 || month > 12 || date < 1 || date > 31) return undefined
  const day = dayFromCivil(year, month, date)
  return date < 29 || civilFromDay(day).month === month ? day : undefined
}
