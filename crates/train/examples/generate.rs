//! Generated data as files, for peers that read them: `generate FOLDER USERSxITEMSxINTERACTIONS SEED` writes `train.txt` and,
//! with every tenth event of a user, `test.txt`.

mod power_law;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::power_law::Size;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, size, seed] = args.as_slice() else {
        return Err("wanted FOLDER USERSxITEMSxINTERACTIONS SEED".into());
    };
    let size = Size::parse(size).ok_or("the size: wanted USERSxITEMSxINTERACTIONS")?;
    std::fs::create_dir_all(folder)?;
    let file = |name: &str| File::create(Path::new(folder).join(name)).map(BufWriter::new);
    let (mut train, mut test) = (file("train.txt")?, file("test.txt")?);
    for (user, row) in size.interactions(seed.parse()?)?.rows().enumerate() {
        let items = row.items.iter().zip(1..);
        let (held_out, kept): (Vec<_>, Vec<_>) = items.partition(|(_, position)| position % 10 == 0);
        write_row(&mut train, user, &kept)?;
        write_row(&mut test, user, &held_out)?;
    }
    train.flush()?;
    test.flush()?;
    Ok(())
}

fn write_row(out: &mut impl Write, user: usize, row: &[(&u32, usize)]) -> std::io::Result<()> {
    if row.is_empty() {
        return Ok(());
    }
    write!(out, "{user}")?;
    row.iter().try_for_each(|(item, _)| write!(out, " {item}"))?;
    writeln!(out)
}
