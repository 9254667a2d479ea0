//! The templates: ours, embedded in the program, and those of the site's folder, which replace ours file by file and
//! may extend them (`{% extends "builtin/digest.html" %}`). It fills a template and no more.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde_json::Value;
use tera::Tera;

use super::{RenderError, filters};

/// A template may not write more than this.
const MAX_BYTES: usize = 2 << 20;

/// Our own templates.
const BUILTIN: [(&str, &str); 13] = [
    ("builtin/base.html", include_str!("../../templates/base.html")),
    ("builtin/base.txt", include_str!("../../templates/base.txt")),
    ("builtin/digest.html", include_str!("../../templates/digest.html")),
    ("builtin/digest.txt", include_str!("../../templates/digest.txt")),
    ("builtin/digest.subject.txt", include_str!("../../templates/digest.subject.txt")),
    ("builtin/alert.html", include_str!("../../templates/alert.html")),
    ("builtin/alert.txt", include_str!("../../templates/alert.txt")),
    ("builtin/alert.subject.txt", include_str!("../../templates/alert.subject.txt")),
    ("builtin/correction.html", include_str!("../../templates/correction.html")),
    ("builtin/correction.txt", include_str!("../../templates/correction.txt")),
    ("builtin/correction.subject.txt", include_str!("../../templates/correction.subject.txt")),
    ("builtin/notice.html", include_str!("../../templates/notice.html")),
    ("builtin/notice.txt", include_str!("../../templates/notice.txt")),
];

/// All templates, parsed.
pub(super) struct Library {
    tera: Tera,
}

impl Library {
    /// Reads our templates and those of the site's folder.
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, RenderError> {
        let mut tera = Tera::new();
        filters::register(&mut tera);
        tera.set_fallback_prefixes(["builtin/"]).map_err(|error| RenderError::from_tera(&error, "builtin"))?;
        let mut files: Vec<_> = BUILTIN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        if let Some(folder) = folder {
            files.extend(overrides(folder)?);
        }
        tera.add_raw_templates(files).map_err(|error| RenderError::from_tera(&error, "the templates"))?;
        Ok(Self { tera })
    }

    /// What the template writes.
    pub(super) fn fill(&self, name: &str, context: &tera::Context) -> Result<String, RenderError> {
        let mut out = Capped { bytes: Vec::new() };
        let filled = self.tera.render_to(name, context, &mut out);
        if out.is_full() {
            return Err(RenderError::TooLarge { file: name.to_owned(), limit: MAX_BYTES });
        }
        filled.map_err(|error| RenderError::from_tera(&error, name))?;
        Ok(String::from_utf8_lossy(&out.bytes).replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// The same with slots, which only parts have, and what else the part alone has.
    pub(super) fn fill_part(&self, name: &str, context: &tera::Context, subject: &str) -> Result<String, RenderError> {
        let mut context = context.clone();
        context.insert("slot", &super::view::slots());
        context.insert("subject", &Value::from(subject));
        let filled = self.fill(name, &context)?;
        if filled.trim().is_empty() {
            return Err(RenderError::Empty(name.to_owned()));
        }
        Ok(filled)
    }
}

/// The `.html` and `.txt` files of the folder itself.
fn overrides(folder: &Path) -> Result<Vec<(String, String)>, RenderError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RenderError::Folder { path, source }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_template = path.extension().is_some_and(|extension| extension == "html" || extension == "txt");
        // Editors leave their own files beside ours, with a leading dot.
        if is_template && path.is_file() && !name.starts_with('.') {
            files.push((name.to_owned(), fs::read_to_string(&path).map_err(failed(&path))?));
        }
    }
    files.sort();
    Ok(files)
}

/// Takes bytes up to a limit, then refuses: loops in a template can nest.
struct Capped {
    bytes: Vec<u8>,
}

impl Capped {
    fn is_full(&self) -> bool {
        self.bytes.len() > MAX_BYTES
    }
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.is_full() { Err(io::Error::other("too much")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
