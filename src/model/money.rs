use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

/// An amount of US dollars, exact to a millionth.
///
/// Binary fractions would make `plan` print `$0.30` from `0.1 + 0.2` only by luck, so amounts are
/// counted in micro-dollars. Shown with two decimals.
///
/// ```
/// use cloudbuilder::model::Money;
///
/// let weekly_backups = Money::from_dollars(6.0).percent(20);
/// assert_eq!(weekly_backups.to_string(), "$1.20");
/// assert_eq!((-weekly_backups).to_string(), "-$1.20");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many cents.
    #[must_use]
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents * 10_000)
    }

    /// An amount as APIs give it, in dollars; to the nearest millionth.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Self {
        // `as` saturates and turns NaN into 0, which is what an absurd price deserves.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturation is the wanted behaviour"
        )]
        Self((dollars * 1e6).round() as i64)
    }

    /// The amount in dollars, for formats that have only numbers.
    #[must_use]
    pub fn dollars(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "prices are far below 2^53 micro-dollars"
        )]
        let micros = self.0 as f64;
        micros / 1e6
    }

    /// So many times the amount, to the nearest millionth of a dollar.
    #[must_use]
    pub fn times(self, many: f64) -> Self {
        Self::from_dollars(self.dollars() * many)
    }

    /// So many hundredths of the amount.
    #[must_use]
    pub fn percent(self, hundredths: i64) -> Self {
        Self(self.0.saturating_mul(hundredths) / 100)
    }

    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs().saturating_add(5_000) / 10_000;
        write!(f, "{sign}${}.{:02}", cents / 100, cents % 100)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_exact_and_rounded_half_up() {
        let tenth = Money::from_dollars(0.1);
        assert_eq!((tenth + tenth + tenth).to_string(), "$0.30");
        assert_eq!(Money::from_dollars(0.005).to_string(), "$0.01");
        assert_eq!(Money::from_dollars(1234.0).to_string(), "$1234.00");
        assert_eq!(Money::from_dollars(f64::NAN), Money::ZERO);
    }
}
