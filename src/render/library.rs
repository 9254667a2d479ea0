//! The templates: ours, embedded in the program; those of the site's folder, which replace ours file by file and may
//! extend them (`{% extends "builtin/digest.html" %}`); and those of a folder within it with the name of a list, which
//! replace both for that list. It fills a template and no more.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
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

/// What stands before the name of a template of the site's when a list's own folder is read over it.
const SITE: &str = "site/";

/// All templates, parsed.
pub(super) struct Library {
    tera: Tera,
    /// The list's folder, when these are a list's own.
    folder: Option<String>,
}

impl Library {
    /// Our templates, and the site's over them.
    pub(super) fn of_site(site: &[Template]) -> Result<Self, RenderError> {
        Self::parsed(site.iter().map(|file| (file.name.clone(), file.text.clone())), None)
    }

    /// Our templates, the site's over them, and those of a list's folder over both. They may extend `site/…` too.
    pub(super) fn of_list(site: &[Template], folder: &str, own: &[Template]) -> Result<Self, RenderError> {
        let site = site.iter().map(|file| (format!("{SITE}{}", file.name), file.text.clone()));
        let own = own.iter().map(|file| (file.name.clone(), file.text.clone()));
        Self::parsed(site.chain(own), Some(folder.to_owned()))
    }

    fn parsed(files: impl Iterator<Item = (String, String)>, folder: Option<String>) -> Result<Self, RenderError> {
        let mut tera = Tera::new();
        filters::register(&mut tera);
        tera.set_fallback_prefixes([SITE, "builtin/"]).map_err(|error| RenderError::from_tera(&error, "builtin"))?;
        let ours = BUILTIN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let added = tera.add_raw_templates(ours.chain(files).collect::<Vec<_>>());
        let library = Self { tera, folder };
        match added {
            Ok(()) => Ok(library),
            Err(error) => Err(library.named(RenderError::from_tera(&error, "the templates"))),
        }
    }

    /// An error with the file's name as it is on disk, below the site's folder.
    fn named(&self, error: RenderError) -> RenderError {
        error.with_file(|file| match (&self.folder, file.strip_prefix(SITE)) {
            (_, Some(of_site)) => of_site.to_owned(),
            (Some(folder), None) if !file.starts_with("builtin/") => format!("{folder}/{file}"),
            _ => file.to_owned(),
        })
    }

    /// What the template writes.
    pub(super) fn fill(&self, name: &str, context: &tera::Context) -> Result<String, RenderError> {
        let mut out = Capped { bytes: Vec::new() };
        let filled = self.tera.render_to(name, context, &mut out);
        if out.is_full() {
            return Err(RenderError::TooLarge { file: name.to_owned(), limit: MAX_BYTES });
        }
        filled.map_err(|error| self.named(RenderError::from_tera(&error, name)))?;
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

/// A template of the site's: the name of its file, and what is in it.
pub(super) struct Template {
    name: String,
    text: String,
}

/// The `.html` and `.txt` files of a folder itself.
pub(super) fn templates_in(folder: &Path) -> Result<Vec<Template>, RenderError> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_template = path.extension().is_some_and(|extension| extension == "html" || extension == "txt");
        if is_template && path.is_file() {
            files.push(Template { name: name.to_owned(), text: fs::read_to_string(&path).map_err(unread(&path))? });
        }
    }
    Ok(files)
}

/// The folders within a folder that hold templates, by name.
pub(super) fn folders_in(folder: &Path) -> Result<Vec<(String, Vec<Template>)>, RenderError> {
    let mut folders = Vec::new();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        folders.push((name, templates_in(&path)?));
    }
    folders.retain(|(_, templates)| !templates.is_empty());
    Ok(folders)
}

/// What is in a folder, by name. Editors leave their own files beside ours, with a leading dot.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, RenderError> {
    let entries = fs::read_dir(folder).map_err(unread(folder))?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry.map_err(unread(folder))?.path())).collect::<Result<_, RenderError>>()?;
    paths.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| !name.starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn unread(path: &Path) -> impl FnOnce(io::Error) -> RenderError {
    let path = path.to_owned();
    move |source| RenderError::Folder { path, source }
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
