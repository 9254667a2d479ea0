//! The accent colour: one `#rrggbb` from the configuration comes in, two that can be read go out, one for white
//! paper and one for dark. Contrast is that of WCAG 2.2 §1.4.3: at least 4.5 to 1 for text.

/// Red, green, blue.
type Rgb = [u8; 3];

const DEFAULT_ACCENT: Rgb = [0x0b, 0x5c, 0x6b];
const WHITE: Rgb = [0xff, 0xff, 0xff];
const BLACK: Rgb = [0, 0, 0];
const DARK_PAPER: Rgb = [0x1b, 0x1e, 0x21];
/// A little above what is asked for, so that rounding cannot fall below it.
const ENOUGH: f64 = 4.6;

/// The accent as readable on white: darkened when it must be, the default when it is no colour.
pub fn on_white(accent: &str) -> String {
    hex(until_readable(parse(accent), WHITE, BLACK))
}

/// The accent as readable on dark paper.
pub fn on_dark(accent: &str) -> String {
    hex(until_readable(mix(brighten(parse(accent)), WHITE, 38), DARK_PAPER, WHITE))
}

/// The same hue, its strongest channel at 182: mixed with white it is neither dull nor glaring.
fn brighten(colour: Rgb) -> Rgb {
    let strongest = colour.into_iter().max().unwrap_or(0).max(1);
    colour.map(|channel| u8::try_from(u16::from(channel) * 182 / u16::from(strongest)).unwrap_or(u8::MAX))
}

/// So many hundredths of the way from one colour to another.
fn mix(from: Rgb, to: Rgb, hundredths: u16) -> Rgb {
    [0, 1, 2].map(|i| {
        let mixed = u16::from(from[i]) * (100 - hundredths) + u16::from(to[i]) * hundredths;
        u8::try_from(mixed / 100).unwrap_or(u8::MAX)
    })
}

fn until_readable(accent: Rgb, paper: Rgb, towards: Rgb) -> Rgb {
    let mut mixes = (0..=100).step_by(10).map(|hundredths| mix(accent, towards, hundredths));
    mixes.find(|colour| contrast(*colour, paper) >= ENOUGH).unwrap_or(towards)
}

fn parse(text: &str) -> Rgb {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.map_or(DEFAULT_ACCENT, |number| {
        let [_, red, green, blue] = number.to_be_bytes();
        [red, green, blue]
    })
}

fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let part = f64::from(channel) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::{DARK_PAPER, WHITE, contrast, on_dark, on_white, parse};

    #[test]
    fn any_accent_can_be_read_on_both_papers() {
        for accent in ["#0b5c6b", "#ffff00", "#000000", "#ffffff", "#777777", "#b3261e", "teal", "#12345", "#é234"] {
            assert!(contrast(parse(&on_white(accent)), WHITE) >= 4.5, "{accent} on white");
            assert!(contrast(parse(&on_dark(accent)), DARK_PAPER) >= 4.5, "{accent} on dark");
        }
        assert_eq!(on_white("#0b5c6b"), "#0b5c6b");
        assert_eq!(on_white("no colour"), "#0b5c6b");
        assert_eq!(on_dark("#0b5c6b"), "#6cc1d1");
    }
}
