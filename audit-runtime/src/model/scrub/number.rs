//! Cards, telephone numbers and social security numbers: groups of digits with separators between them.

use super::Found;

/// More groups than the longest number we look for has.
const MOST_GROUPS: usize = 10;
/// The longest card number.
const MOST_DIGITS: usize = 19;

#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    /// The separator in front of the group; the first one that decides when there are two (`") "`).
    before: u8,
}

impl Group {
    fn len(self) -> usize {
        self.end - self.start
    }
}

struct Groups<'b> {
    bytes: &'b [u8],
    list: [Group; MOST_GROUPS],
    count: usize,
    plus: bool,
    open: bool,
}

pub(super) fn number(bytes: &[u8], at: usize) -> Option<Found> {
    // The digits behind a decimal point are not a number of their own.
    if at > 1 && bytes[at - 1] == b'.' && bytes[at - 2].is_ascii_digit() {
        return None;
    }
    let groups = Groups::read(bytes, at)?;
    let (last, mark) = groups.card().or_else(|| groups.phone()).or_else(|| groups.ssn())?;
    Some(Found { range: at..groups.list[last].end, mark })
}

impl<'b> Groups<'b> {
    fn read(bytes: &'b [u8], at: usize) -> Option<Self> {
        let mut groups = Self { bytes, list: [Group::default(); MOST_GROUPS], count: 0, plus: false, open: false };
        let mut position = at;
        if bytes[position] == b'+' {
            groups.plus = true;
            position += 1;
        }
        if bytes.get(position) == Some(&b'(') {
            groups.open = true;
            position += 1;
        }
        let mut total = 0;
        let mut before = 0;
        while groups.count < MOST_GROUPS {
            let length = digits_at(bytes, position);
            total += length;
            if length == 0 || total > MOST_DIGITS {
                break;
            }
            groups.list[groups.count] = Group { start: position, end: position + length, before };
            groups.count += 1;
            position += length;
            (before, position) = separator(bytes, position);
            if before == 0 {
                break;
            }
        }
        (groups.count > 0).then_some(groups)
    }

    /// Whether a number may end with this group: no letter or digit follows.
    fn ends(&self, group: usize) -> bool {
        self.bytes.get(self.list[group].end).is_none_or(|byte| !byte.is_ascii_alphanumeric())
    }

    fn digits_to(&self, last: usize) -> usize {
        self.list[..=last].iter().map(|group| group.len()).sum()
    }

    fn separated_by(&self, first: usize, last: usize, allowed: &[u8]) -> bool {
        self.list[first + 1..=last].iter().all(|group| allowed.contains(&group.before))
    }

    fn lengths_from(&self, first: usize, lengths: &[usize]) -> bool {
        let Some(groups) = self.list[..self.count].get(first..first + lengths.len()) else { return false };
        groups.iter().zip(lengths).all(|(group, length)| group.len() == *length)
    }

    fn first_digit(&self) -> u8 {
        self.bytes[self.list[0].start]
    }

    fn card(&self) -> Option<(usize, &'static str)> {
        if self.plus || self.open || !(b'2'..=b'6').contains(&self.first_digit()) {
            return None;
        }
        let fits = |last: &usize| {
            (13..=MOST_DIGITS).contains(&self.digits_to(*last))
                && self.separated_by(0, *last, b" -")
                && self.ends(*last)
                && self.luhn(*last)
        };
        (0..self.count).rev().find(fits).map(|last| (last, "[card]"))
    }

    fn luhn(&self, last: usize) -> bool {
        let digits = self.list[..=last].iter().rev().flat_map(|group| self.bytes[group.start..group.end].iter().rev());
        let sum: u32 = digits
            .enumerate()
            .map(|(place, digit)| {
                let value = u32::from(digit - b'0') << (place % 2);
                if value > 9 { value - 9 } else { value }
            })
            .sum();
        sum.is_multiple_of(10)
    }

    fn phone(&self) -> Option<(usize, &'static str)> {
        let last = if self.plus { self.international() } else { self.north_american().or_else(|| self.national()) };
        last.map(|last| (last, "[phone]"))
    }

    fn international(&self) -> Option<usize> {
        (0..self.count).rev().find(|last| (8..=15).contains(&self.digits_to(*last)) && self.ends(*last))
    }

    /// `555-867-5309`, `(555) 867-5309`, `1 555 867 5309`.
    fn north_american(&self) -> Option<usize> {
        let area = usize::from(self.lengths_from(0, &[1]) && self.first_digit() == b'1');
        let last = area + 2;
        let fits = self.lengths_from(area, &[3, 3, 4])
            && (b'2'..=b'9').contains(&self.bytes[self.list[area].start])
            && self.separated_by(0, last, b" -.)")
            && self.ends(last);
        fits.then_some(last)
    }

    /// `020 7946 0958`, `0151/23456789`, `06 12 34 56 78`.
    fn national(&self) -> Option<usize> {
        if self.first_digit() != b'0' {
            return None;
        }
        if self.lengths_from(0, &[2; 5]) && self.separated_by(0, 4, b" -.") && self.ends(4) {
            return Some(4);
        }
        let fits = |last: &usize| {
            (10..=13).contains(&self.digits_to(*last)) && self.separated_by(0, *last, b" -/)") && self.ends(*last)
        };
        let area = (3..=5).contains(&self.list[0].len());
        if area { (1..self.count.min(4)).rev().find(fits) } else { None }
    }

    fn ssn(&self) -> Option<(usize, &'static str)> {
        let fits = !self.plus
            && self.lengths_from(0, &[3, 2, 4])
            && (self.separated_by(0, 2, b"-") || self.separated_by(0, 2, b" "))
            && self.ends(2);
        fits.then_some((2, "[ssn]"))
    }
}

fn digits_at(bytes: &[u8], at: usize) -> usize {
    // One more than any number may have: enough to know that it is too long.
    bytes[at..].iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count()
}

/// The separator between two groups and where the next group starts; 0 when none does.
fn separator(bytes: &[u8], at: usize) -> (u8, usize) {
    let byte = |offset: usize| bytes.get(at + offset).copied().unwrap_or(0);
    let width = match (byte(0), byte(1)) {
        (b')', b' ' | b'-') | (b' ' | b'-', b'(') => 2,
        (b' ' | b'-' | b'.' | b'/' | b')', _) => 1,
        _ => return (0, at),
    };
    if byte(width).is_ascii_digit() { (byte(0), at + width) } else { (0, at) }
}
