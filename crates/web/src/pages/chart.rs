//! One chart, drawn as SVG without style attributes: the style sheet colours it, and it follows the reader's scheme.
use std::fmt::Write as _;

/// Two bars of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HourWords {
    pub(crate) label: String,
    pub(crate) began: u64,
    pub(crate) refused: u64,
}

const TOP: u64 = 10;
const FLOOR: u64 = 190;
const STEP: u64 = 25;

/// The highest line of the scale: a round number at or above the most.
fn scale(most: u64) -> u64 {
    let mut scale = 5;
    for factor in [2, 5, 10].into_iter().cycle().take(54) {
        if scale >= most {
            break;
        }
        let base = scale.to_string().len().saturating_sub(1);
        let unit = 10_u64.saturating_pow(u32::try_from(base).unwrap_or(0));
        scale = scale.max(unit.saturating_mul(factor));
    }
    scale.max(most)
}

fn height(value: u64, scale: u64) -> u64 {
    value.saturating_mul(FLOOR - TOP) / scale.max(1)
}

/// The chart.
pub(crate) fn svg(hours: &[HourWords]) -> String {
    let most = hours
        .iter()
        .map(|hour| hour.began.max(hour.refused))
        .max()
        .unwrap_or(0);
    let scale = scale(most);
    let began: u64 = hours.iter().map(|hour| hour.began).sum();
    let refused: u64 = hours.iter().map(|hour| hour.refused).sum();
    let mut out = format!(
        "<svg class=\"app-chart\" viewBox=\"0 0 640 220\" role=\"img\" aria-labelledby=\"chart-title chart-desc\">\
         <title id=\"chart-title\">Elevations by hour</title>\
         <desc id=\"chart-desc\">{began} began and {refused} requests or uses were refused in 24 hours; at most {most} in one hour.</desc>"
    );
    for line in 0..=5_u64 {
        let value = scale * line / 5;
        let y = FLOOR - height(value, scale);
        // writing to a string can't fail
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"34\" x2=\"636\" y1=\"{y}\" y2=\"{y}\"/><text x=\"28\" y=\"{}\" text-anchor=\"end\">{value}</text>",
            y + 4
        );
    }
    for (at, hour) in (0_u64..).zip(hours) {
        let x = 38 + at * STEP;
        let (a, b) = (height(hour.began, scale), height(hour.refused, scale));
        let _ = write!(
            out,
            "<rect class=\"a\" x=\"{x}\" width=\"11\" y=\"{}\" height=\"{a}\"/><rect class=\"b\" x=\"{}\" width=\"8\" y=\"{}\" height=\"{b}\"/>",
            FLOOR - a,
            x + 12,
            FLOOR - b
        );
        if at % 3 == 0 {
            let hour: String = hour.label.chars().filter(char::is_ascii).take(5).collect();
            let _ = write!(
                out,
                "<text x=\"{}\" y=\"208\" text-anchor=\"middle\">{hour}</text>",
                x + 9
            );
        }
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_round_and_holds_the_most() {
        let scales: Vec<u64> = [0, 1, 5, 6, 16, 49, 50, 51, 1_000, 12_345]
            .into_iter()
            .map(scale)
            .collect();
        assert_eq!(scales, [5, 5, 5, 10, 20, 50, 50, 100, 1_000, 20_000]);
    }

    #[test]
    fn a_bar_reaches_to_its_value() {
        let hours = [HourWords {
            label: "09:00".to_owned(),
            began: 5,
            refused: 0,
        }];
        let chart = svg(&hours);
        assert!(
            chart.contains("<rect class=\"a\" x=\"38\" width=\"11\" y=\"10\" height=\"180\"/>"),
            "{chart}"
        );
        assert!(
            chart.contains("5 began and 0 requests or uses were refused"),
            "{chart}"
        );
        assert!(!chart.contains("style="), "{chart}");
    }
}
