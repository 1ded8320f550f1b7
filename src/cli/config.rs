//! `oxherd config`: checks or prints the configuration.

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::{Config, check};

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Verb {
    /// Tells everything that cannot work.
    Check,
    /// Prints every setting as it is in force; secrets are hidden.
    Print,
}

/// Runs the command.
pub(crate) fn run(verb: Verb, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Print => print(config, json),
        Verb::Check => {
            let problems = check(config);
            if json {
                println!("{}", serde_json::to_string(&problems)?);
            } else if problems.is_empty() {
                println!("The configuration is usable.");
            }
            for problem in problems.iter().filter(|_| !json) {
                println!("{problem}");
            }
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
    }
}

fn print(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let mut shown = config.clone();
    if !shown.auth.signing_key.is_empty() {
        shown.auth.signing_key = "(hidden)".to_owned();
    }
    shown.redis.url = without_password(&shown.redis.url);
    if json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        print!("{}", toml::to_string_pretty(&shown)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Hides the password of a URL.
pub(crate) fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (_, host))) => format!("{scheme}://(hidden)@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(without_password("redis://u:p@ss@host:1/2"), "redis://(hidden)@host:1/2");
        assert_eq!(without_password("redis://host:1"), "redis://host:1");
        assert_eq!(without_password(""), "");
    }
}
