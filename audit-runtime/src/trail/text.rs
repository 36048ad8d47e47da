//! Times and durations as people read them.

/// `2013-01-31T23:59:59.123456Z` of nanoseconds since 1970 UTC.
#[must_use]
pub fn time(wall_ns: i64) -> String {
    let seconds = wall_ns.div_euclid(1_000_000_000);
    let micros = wall_ns.rem_euclid(1_000_000_000) / 1_000;
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of days since 1970-01-01, by the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `17 ns`, `1.2 us`, `3.40 ms`, `5.67 s`, `12 min 3 s`.
#[must_use]
pub fn duration(ns: u64) -> String {
    let x = ns as f64;
    match ns {
        0..=999 => format!("{ns} ns"),
        1_000..=999_999 => format!("{:.1} us", x / 1e3),
        1_000_000..=999_999_999 => format!("{:.2} ms", x / 1e6),
        1_000_000_000..=119_999_999_999 => format!("{:.2} s", x / 1e9),
        _ => format!("{} min {} s", ns / 60_000_000_000, ns / 1_000_000_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_have_their_dates() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(time(951_782_400_000_000_000), "2000-02-29T00:00:00.000000Z");
        assert_eq!(time(1_357_084_799_999_999_000), "2013-01-01T23:59:59.999999Z");
        assert_eq!(time(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let texts = [5, 1_200, 3_400_000, 5_670_000_000, 723_000_000_000].map(duration);
        assert_eq!(texts, ["5 ns", "1.2 us", "3.40 ms", "5.67 s", "12 min 3 s"]);
    }
}
