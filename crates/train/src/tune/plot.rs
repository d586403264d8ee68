//! Pictures as SVG: how a search went, which options mattered, and the loss curves of a fit.

use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use store::CurvePoint;

use super::{Outcome, Tuned};

/// Drawing into memory fails only on sizes that we do not ask for; the text says which.
#[derive(Debug, thiserror::Error)]
#[error("can't draw: {0}")]
pub struct PlotError(String);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

const PANEL: (u32, u32) = (560, 380);
const FONT: &str = "sans-serif";

/// The value of each trial with the best so far, beside what each option explains.
///
/// # Errors
/// When the drawing library refuses.
pub fn trials(tuned: &Tuned, title: &str, metric: &str) -> Result<String, PlotError> {
    let points = |wanted: fn(&Outcome) -> Option<f64>| -> Vec<(f64, f64)> {
        let values = tuned.trials.iter().filter_map(|t| Some((t.number as f64 + 1.0, wanted(&t.outcome)?)));
        values.collect()
    };
    let complete = points(Outcome::value);
    let pruned = points(|outcome| match outcome {
        Outcome::Pruned { value } => Some(*value),
        _ => None,
    });
    let mut best: Vec<(f64, f64)> = Vec::new();
    for &(trial, value) in &complete {
        let so_far = best.last().map_or(value, |(_, best)| value.max(*best));
        best.push((trial, so_far));
    }
    let series = [
        Series { name: "best so far", points: best, color: RED, is_line: true },
        Series { name: "complete", points: complete, color: BLUE, is_line: false },
        Series { name: "cut short", points: pruned, color: RGBColor(150, 150, 150), is_line: false },
    ];
    drawn((2 * PANEL.0, PANEL.1), |area| {
        let (left, right) = area.split_horizontally(PANEL.0);
        panel(&left, title, "trial", metric, &series)?;
        bars(&right, "share of the variance explained by itself", &tuned.importance)
    })
}

/// For each model that goes by epochs, its training loss beside its quality on what it held out.
///
/// # Errors
/// When the drawing library refuses.
pub fn loss_curves(curves: &BTreeMap<String, Vec<CurvePoint>>) -> Result<String, PlotError> {
    let n_rows = curves.len().max(1);
    drawn((2 * PANEL.0, PANEL.1 * n_rows as u32), |area| {
        for (row, (model, points)) in area.split_evenly((n_rows, 1)).iter().zip(curves) {
            let (left, right) = row.split_horizontally(PANEL.0);
            let loss = points.iter().map(|p| (f64::from(p.epoch), p.train_loss)).collect();
            let ndcg = points.iter().filter_map(|p| Some((f64::from(p.epoch), p.validation_ndcg?))).collect();
            let line = |name, points, color| [Series { name, points, color, is_line: true }];
            panel(&left, &format!("{model}: training"), "epoch", "loss", &line("loss", loss, BLUE))?;
            panel(&right, &format!("{model}: held out"), "epoch", "ndcg@20", &line("ndcg@20", ndcg, RED))?;
        }
        Ok(())
    })
}

fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, PlotError> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let outcome = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
    outcome.map_err(|error| PlotError(error.to_string()))?;
    drop(area);
    Ok(svg)
}

struct Series {
    name: &'static str,
    points: Vec<(f64, f64)>,
    color: RGBColor,
    is_line: bool,
}

/// Lines and dots over a common pair of axes that fit them.
fn panel(area: &Area<'_>, title: &str, x: &str, y: &str, series: &[Series]) -> Drawn {
    let all = || series.iter().flat_map(|s| s.points.iter().copied()).filter(|(_, y)| y.is_finite());
    let (low, high) = padded(all().map(|(_, y)| y));
    let x_max = all().map(|(x, _)| x).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..x_max + 1.0, low..high)?;
    chart.configure_mesh().x_desc(x).y_desc(y).light_line_style(WHITE).draw()?;
    for Series { name, points, color, is_line } in series.iter().filter(|series| !series.points.is_empty()) {
        let color = *color;
        let points = points.iter().copied().filter(|(_, y)| y.is_finite());
        let drawn = if *is_line {
            chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?
        } else {
            chart.draw_series(points.map(|at| Circle::new(at, 3, color.filled())))?
        };
        drawn.label(*name).legend(move |(x, y)| Circle::new((x + 8, y), 3, color.filled()));
    }
    if series.len() > 1 {
        let labels = &mut chart.configure_series_labels();
        labels.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    }
    Ok(())
}

/// From the smallest to the largest value with some air; a range of some width also where there is one value or none.
fn padded(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let air = ((high - low) * 0.08).max(high.abs() * 0.01).max(1e-6);
    (low - air, high + air)
}

/// Horizontal bars with their names, largest on top.
fn bars(area: &Area<'_>, title: &str, shares: &[(String, f64)]) -> Drawn {
    area.titled(title, (FONT, 16))?;
    let (width, height) = (PANEL.0 as i32, PANEL.1 as i32);
    if shares.is_empty() {
        return area.draw(&Text::new("too few trials to say", (24, 60), (FONT, 14)));
    }
    let (top, names) = (44, 210);
    let step = ((height - top - 16) / shares.len() as i32).min(34);
    let largest = shares.iter().map(|(_, share)| *share).fold(1e-9, f64::max);
    for (row, (name, share)) in shares.iter().enumerate() {
        let y = top + row as i32 * step;
        let length = (f64::from(width - names - 80) * share / largest) as i32;
        area.draw(&Text::new(name.clone(), (16, y + step / 4), (FONT, 13)))?;
        area.draw(&Rectangle::new([(names, y + 3), (names + length, y + step - 3)], BLUE.mix(0.6).filled()))?;
        area.draw(&Text::new(format!("{:.0} %", 100.0 * share), (names + length + 6, y + step / 4), (FONT, 13)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::{Ended, Trial};

    #[test]
    fn a_picture_has_a_dot_per_trial_and_a_bar_per_option() {
        let trial =
            |number: usize, outcome| Trial { number, options: BTreeMap::new(), outcome, rungs: vec![], seconds: 1.0 };
        let trials_done = vec![
            trial(0, Outcome::Complete { value: 0.1 }),
            trial(1, Outcome::Pruned { value: 0.05 }),
            trial(2, Outcome::Failed { error: "no".to_owned() }),
            trial(3, Outcome::Complete { value: 0.2 }),
        ];
        let importance = vec![("alpha".to_owned(), 0.6), ("factors".to_owned(), 0.0)];
        let tuned =
            Tuned { trials: trials_done, best_cases: vec![], n_resumed: 0, ended: Ended::AllTrials, importance };
        let svg = trials(&tuned, "ials on tiny", "ndcg@20").unwrap();
        // Three dots of trials, three of the legend.
        assert_eq!(svg.matches("<circle").count(), 6, "{svg}");
        assert!(svg.starts_with("<svg") && svg.contains("alpha") && svg.contains("60 %"), "{svg}");
        let nothing = Tuned { trials: vec![], importance: vec![], ..tuned };
        assert!(trials(&nothing, "ials on tiny", "ndcg@20").unwrap().contains("too few"));
    }

    #[test]
    fn loss_curves_have_a_row_per_model() {
        let point = |epoch, validation_ndcg| CurvePoint { epoch, train_loss: 1.0 / f64::from(epoch), validation_ndcg };
        let curves = BTreeMap::from([
            ("bpr".to_owned(), vec![point(1, Some(0.1)), point(2, Some(0.2))]),
            ("svd".to_owned(), vec![point(1, None), point(2, None)]),
        ]);
        let svg = loss_curves(&curves).unwrap();
        assert!(svg.contains("bpr: held out") && svg.contains("svd: training"), "{svg}");
        assert_eq!(svg.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#0000FF\"").count(), 2, "{svg}");
    }
}
