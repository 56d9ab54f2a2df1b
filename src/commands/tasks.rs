//! `rok-deploy --list-tasks`: the tasks of a recipe.

use std::io::{self, Write as _};

use super::launch::recipe;
use crate::cli::{Options, Output};
use crate::failure::Failure;
use crate::recipes::RECIPES;
use crate::settings::Sources;

pub(super) fn list(options: &Options) -> Result<u8, Failure> {
    let sources = Sources::read(
        &options.set,
        options.answers.as_deref(),
        std::env::vars().collect(),
    )?;
    let spec = recipe(options, &sources)?;
    let mut out = io::stdout();
    if options.output == Output::Json {
        for task in spec.tasks {
            let task = serde_json::json!({
                "name": task.name, "title": task.title, "description": task.description,
            });
            writeln!(out, "{task}")?;
        }
        return Ok(0);
    }
    writeln!(out, "Tasks of {} ({}):", spec.name, spec.title)?;
    for task in spec.tasks {
        writeln!(
            out,
            "\n{}  {}\n    {}",
            task.name, task.title, task.description
        )?;
    }
    let others = RECIPES.iter().filter(|other| other.name != spec.name);
    for other in others {
        let (name, title) = (other.name, other.title);
        writeln!(
            out,
            "\n`--recipe {name}` lists those of another recipe: {title}"
        )?;
    }
    writeln!(
        out,
        "\n`rok-deploy --run-from TASK` starts at one; earlier ones are verified only."
    )?;
    Ok(0)
}
