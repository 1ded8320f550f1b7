//! Numbers and days in a reader's own way of writing them.

use jiff::civil::{Date, Weekday};

use super::{KO, Words};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Words {
    fn is_korean(&self) -> bool {
        self.code == KO.code
    }

    fn count(&self, count: usize, one: &str, many: &str, korean: (&str, &str)) -> String {
        match (self.is_korean(), count) {
            (true, _) => format!("{}{count}{}", korean.0, korean.1),
            (false, 1) => format!("1 {one}"),
            (false, _) => format!("{count} {many}"),
        }
    }

    /// Counts sessions.
    pub(in super::super) fn count_sessions(&self, count: usize) -> String {
        self.count(count, "session", "sessions", ("", "회"))
    }

    /// Counts the pages of a document.
    pub(in super::super) fn count_pages(&self, count: usize) -> String {
        self.count(count, "page", "pages", ("", "쪽"))
    }

    /// Counts the passages that a document was divided into.
    pub(in super::super) fn count_passages(&self, count: usize) -> String {
        self.count(count, "passage", "passages", ("단락 ", "개"))
    }

    /// Names a page by its number.
    pub(in super::super) fn page_number(&self, page: u32) -> String {
        if self.is_korean() { format!("{page}쪽") } else { format!("p. {page}") }
    }

    /// Says a day with its day of the week, e.g. "Tue 1 Dec".
    pub(in super::super) fn day(&self, date: Date) -> String {
        let (english, korean) = match date.weekday() {
            Weekday::Monday => ("Mon", "월"),
            Weekday::Tuesday => ("Tue", "화"),
            Weekday::Wednesday => ("Wed", "수"),
            Weekday::Thursday => ("Thu", "목"),
            Weekday::Friday => ("Fri", "금"),
            Weekday::Saturday => ("Sat", "토"),
            Weekday::Sunday => ("Sun", "일"),
        };
        let day = self.short_day(date);
        if self.is_korean() { format!("{day} ({korean})") } else { format!("{english} {day}") }
    }

    /// Says the days from the first to the last, e.g. "1–9 Dec"; years only where they differ.
    pub(in super::super) fn days(&self, first: Date, last: Date) -> String {
        if first == last {
            return self.short_day(first);
        }
        if first.year() != last.year() {
            return format!("{} – {}", self.long_day(first), self.long_day(last));
        }
        match (first.month() == last.month(), self.is_korean()) {
            (true, true) => format!("{}월 {}–{}일", first.month(), first.day(), last.day()),
            (true, false) => format!("{}–{}", first.day(), self.short_day(last)),
            (false, _) => format!("{} – {}", self.short_day(first), self.short_day(last)),
        }
    }

    fn long_day(&self, date: Date) -> String {
        let (year, day) = (date.year(), self.short_day(date));
        if self.is_korean() { format!("{year}년 {day}") } else { format!("{day} {year}") }
    }

    fn short_day(&self, date: Date) -> String {
        if self.is_korean() {
            return format!("{}월 {}일", date.month(), date.day());
        }
        let month = usize::try_from(date.month() - 1).ok().and_then(|at| MONTHS.get(at));
        format!("{} {}", date.day(), month.unwrap_or(&""))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::{EN, KO};

    #[test]
    fn days_are_as_short_as_they_can_be() {
        let (first, ninth) = (date(2026, 12, 1), date(2026, 12, 9));

        assert_eq!(EN.days(first, ninth), "1–9 Dec");
        assert_eq!(EN.days(first, first), "1 Dec");
        assert_eq!(EN.days(date(2026, 11, 28), ninth), "28 Nov – 9 Dec");
        assert_eq!(EN.days(ninth, date(2027, 1, 3)), "9 Dec 2026 – 3 Jan 2027");
        assert_eq!(KO.days(first, ninth), "12월 1–9일");
        assert_eq!(KO.days(ninth, date(2027, 1, 3)), "2026년 12월 9일 – 2027년 1월 3일");
        assert_eq!((EN.day(first), KO.day(first)), ("Tue 1 Dec".into(), "12월 1일 (화)".into()));
    }

    #[test]
    fn one_is_not_written_as_many() {
        assert_eq!(
            (EN.count_passages(1), EN.count_passages(2)),
            ("1 passage".into(), "2 passages".into())
        );
        assert_eq!(
            (KO.count_pages(151), KO.count_passages(320)),
            ("151쪽".into(), "단락 320개".into())
        );
        assert_eq!((EN.page_number(1), KO.page_number(1)), ("p. 1".into(), "1쪽".into()));
    }
}
