//! Finds config.toml and opens the app for a command.

use std::path::{Path, PathBuf};

use crate::{
    app::App,
    clock::Clock,
    config::Config,
    domain::{actor::Actor, slug::Slug},
};

/// Opens the app with the configuration at `place`, or where configurations are. Warnings go to standard error.
pub(super) async fn app(place: Option<&Path>) -> anyhow::Result<App> {
    let config = config(place)?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(App::open(config, Clock::System).await?)
}

/// The same, for what somebody does by hand: the ledger says that it was they, by the name that the machine has for them.
pub(super) async fn by_hand(place: Option<&Path>) -> anyhow::Result<App> {
    Ok(app(place).await?.by(Actor::Machine(user())))
}

/// What the machine calls whoever types.
pub(super) fn user() -> String {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}

/// Reads the configuration.
pub(super) fn config(place: Option<&Path>) -> anyhow::Result<Config> {
    let path = place.map_or_else(find, Path::to_owned);
    Ok(Config::load(&path, &|name| std::env::var(name).ok())?)
}

/// The list of that name, or a message that names those there are.
pub(super) fn list(app: &App, name: &str) -> anyhow::Result<Slug> {
    let known = app.config.list(name);
    known.map(|list| list.name.clone()).ok_or_else(|| {
        let names: Vec<&str> = app.config.lists.iter().map(|list| list.name.as_str()).collect();
        anyhow::anyhow!("there is no list `{name}`; there is: {}", names.join(", "))
    })
}

/// config.toml here, else the user's, else the system's; the first again when there is none, so that it is named.
pub(super) fn find() -> PathBuf {
    let here = PathBuf::from("config.toml");
    let user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .map(|folder| folder.join("tidings/config.toml"));
    let system = PathBuf::from("/etc/tidings/config.toml");
    let places = [Some(here.clone()), user, Some(system)];
    places.into_iter().flatten().find(|place| place.exists()).unwrap_or(here)
}
