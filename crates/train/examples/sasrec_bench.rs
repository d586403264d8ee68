//! SASRec steps with their times, for `bench/sasrec/compare.py`: `sasrec_bench [KEY=VALUE…]`.
//!
//! 128 sequences of 51 random products out of 40,000 make one step of 128 × 50 wanted products.

mod clock;

use std::error::Error;
use std::sync::atomic::AtomicBool;

use models::{FitContext, Interaction, Interactions, TrainingData, catalogue};
use serde_json::json;

use crate::clock::{Laps, memory_mib};

const N_SEQUENCES: u64 = 128;
const LENGTH: u64 = 50;
const N_ITEMS: u64 = 40_000;
const N_STEPS: usize = 23;
/// Steps that only warm up.
const N_WARM: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let given =
        std::env::args().skip(1).map(|pair| models::options::key_value(&pair)).collect::<Result<Vec<_>, _>>()?;
    let item = |x: u64| ((x.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % N_ITEMS) as u32;
    let cell =
        |x: u64| Interaction { user: (x / (LENGTH + 1)) as u32, item: item(x), weight: 1.0, timestamp: 1 + x as i64 };
    let cells: Vec<_> = (0..N_SEQUENCES * (LENGTH + 1)).map(cell).collect();
    let interactions = Interactions::new(N_SEQUENCES as usize, N_ITEMS as usize, &cells)?;

    let text = |key: &str, value: String| (key.to_owned(), value);
    let mut options = vec![
        text("epochs", N_STEPS.to_string()),
        text("patience", "0".to_owned()),
        text("batch", (N_SEQUENCES * LENGTH).to_string()),
        text("max_length", LENGTH.to_string()),
    ];
    options.extend(given);
    let laps = Laps::start();
    let progress = |_| laps.end_step();
    let context = FitContext { seed: 1, progress: &progress, cancelled: &AtomicBool::new(false) };
    catalogue::fit("sasrec", &options, &TrainingData::new(&interactions), &context)?;

    let (wall, cpu) = laps.steps(N_WARM);
    let cpu_seconds = cpu.iter().sum::<f64>() / cpu.len() as f64;
    println!("{}", json!({ "step_seconds": wall, "cpu_seconds": cpu_seconds, "peak_mib": memory_mib("VmHWM") }));
    Ok(())
}
