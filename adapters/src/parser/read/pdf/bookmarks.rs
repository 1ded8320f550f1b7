//! The bookmarks of a document: the outline that its author gave it.

use std::collections::{HashMap, HashSet};

use hayro_syntax::Pdf;
use hayro_syntax::object::{
    Array, Dict, MaybeRef, Name, Object, ObjectIdentifier, String as PdfString,
};

use super::strings;

/// The bookmarks of a document; a thick manual has a thousand.
const MAX_BOOKMARKS: usize = 10_000;

/// The names to which bookmarks may point.
const MAX_NAMES: usize = 100_000;

/// How deep bookmarks are followed.
const MAX_DEPTH: u8 = 16;

/// A bookmark.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bookmark {
    /// Its title, as its author wrote it.
    pub title: String,
    /// 1 is the highest.
    pub level: u8,
    /// The 1-based page to which it points.
    pub page: u32,
    /// The height on that page, in points from below, when it says so.
    pub top: Option<f32>,
}

/// Reads the bookmarks, in their order.
pub(super) fn read(pdf: &Pdf) -> Vec<Bookmark> {
    walk(pdf).unwrap_or_default()
}

fn walk(pdf: &Pdf) -> Option<Vec<Bookmark>> {
    let catalog: Dict<'_> = pdf.xref().get(pdf.xref().root_id())?;
    let outlines: Dict<'_> = catalog.get(b"Outlines")?;
    let targets = Targets::read(pdf, &catalog);
    let mut bookmarks = Vec::new();
    let mut seen = HashSet::new();
    // The items that are still to be visited, the next one last.
    let mut waiting = vec![(outlines.get::<Dict<'_>>(b"First")?, 1)];
    while let Some((item, level)) = waiting.pop() {
        let is_new = item.obj_id().is_none_or(|id| seen.insert(id));
        if !is_new || bookmarks.len() >= MAX_BOOKMARKS {
            continue;
        }
        bookmarks.extend(targets.bookmark(&item, level));
        if let Some(next) = item.get::<Dict<'_>>(b"Next") {
            waiting.push((next, level));
        }
        if let Some(first) = item.get::<Dict<'_>>(b"First").filter(|_| level < MAX_DEPTH) {
            waiting.push((first, level + 1));
        }
    }
    Some(bookmarks)
}

/// What bookmarks can point to.
struct Targets<'a> {
    pages: HashMap<ObjectIdentifier, u32>,
    page_count: u32,
    names: HashMap<Vec<u8>, Object<'a>>,
}

impl<'a> Targets<'a> {
    fn read(pdf: &'a Pdf, catalog: &Dict<'a>) -> Self {
        let mut pages = HashMap::new();
        for (number, page) in (1..).zip(pdf.pages().iter()) {
            pages.extend(page.raw().obj_id().map(|id| (id, number)));
        }
        let page_count = u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX);
        Self { pages, page_count, names: names(catalog) }
    }

    fn bookmark(&self, item: &Dict<'_>, level: u8) -> Option<Bookmark> {
        let title = strings::text_of(&item.get::<PdfString<'_>>(b"Title")?);
        let title = super::super::draft::one_line(&title);
        let target = item.get::<Object<'_>>(b"Dest").or_else(|| {
            // An action that goes elsewhere than into this document points to no page of it.
            let action = item.get::<Dict<'_>>(b"A")?;
            let is_inside = action.get::<Name<'_>>(b"S").is_some_and(|kind| &*kind == b"GoTo");
            if is_inside { action.get::<Object<'_>>(b"D") } else { None }
        })?;
        let (page, top) = self.page(target)?;
        (!title.is_empty()).then_some(Bookmark { title, level, page, top })
    }

    fn page(&self, target: Object<'_>) -> Option<(u32, Option<f32>)> {
        let named = |name: &[u8]| self.names.get(name).cloned();
        match target {
            Object::Array(target) => self.place(&target),
            Object::String(name) => self.place(&array(named(name.as_bytes())?)?),
            Object::Name(name) => self.place(&array(named(&name)?)?),
            _ => None,
        }
    }

    /// Reads `[page /XYZ left top zoom]` and its shorter forms.
    fn place(&self, target: &Array<'_>) -> Option<(u32, Option<f32>)> {
        let mut parts = target.raw_iter();
        let page = match parts.next()? {
            MaybeRef::Ref(page) => *self.pages.get(&page.into())?,
            // Some writers count the pages instead, from 0.
            MaybeRef::NotRef(Object::Number(index)) => {
                u32::try_from(index.as_i64()).ok()?.checked_add(1)?
            }
            MaybeRef::NotRef(_) => return None,
        };
        let kind = parts.next();
        let mut numbers = parts.map(|part| match part {
            MaybeRef::NotRef(Object::Number(number)) => Some(number.as_f32()),
            _ => None,
        });
        let top = match kind {
            Some(MaybeRef::NotRef(Object::Name(kind))) => match &*kind {
                b"XYZ" => numbers.nth(1).flatten(),
                b"FitH" | b"FitBH" => numbers.next().flatten(),
                _ => None,
            },
            _ => None,
        };
        (page <= self.page_count).then_some((page, top))
    }
}

fn array(object: Object<'_>) -> Option<Array<'_>> {
    match object {
        Object::Array(array) => Some(array),
        Object::Dict(dict) => dict.get(b"D"),
        _ => None,
    }
}

/// Reads all named places: the tree of newer documents and the dictionary of older ones.
fn names<'a>(catalog: &Dict<'a>) -> HashMap<Vec<u8>, Object<'a>> {
    let mut names = HashMap::new();
    if let Some(old) = catalog.get::<Dict<'_>>(b"Dests") {
        for key in old.keys().take(MAX_NAMES) {
            names.extend(old.get::<Object<'_>>(&*key).map(|target| (key.to_vec(), target)));
        }
    }
    let root = catalog.get::<Dict<'_>>(b"Names").and_then(|names| names.get::<Dict<'_>>(b"Dests"));
    let mut seen = HashSet::new();
    let mut waiting: Vec<Dict<'_>> = root.into_iter().collect();
    while let Some(node) = waiting.pop() {
        let is_new = node.obj_id().is_none_or(|id| seen.insert(id));
        if !is_new || names.len() >= MAX_NAMES || waiting.len() > MAX_NAMES {
            continue;
        }
        if let Some(kids) = node.get::<Array<'_>>(b"Kids") {
            waiting.extend(kids.iter::<Dict<'_>>());
        }
        if let Some(leaves) = node.get::<Array<'_>>(b"Names") {
            let mut leaves = leaves.flex_iter();
            while let Some(name) = leaves.next::<PdfString<'_>>() {
                let Some(target) = leaves.next::<Object<'_>>() else { break };
                names.insert(name.as_bytes().to_vec(), target);
            }
        }
    }
    names
}
