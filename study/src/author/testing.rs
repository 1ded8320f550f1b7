//! Briefs and answers for tests.

use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::date;

use super::{Brief, BriefMaterial, ModuleAnswer, SessionAnswer, StructureAnswer};
use crate::bundle::Bundle;
use crate::chunk::Chunk;
use crate::id::MaterialId;
use crate::language::Language;
use crate::outline::{ChunkRange, OutlineNode};
use crate::vector::Vectors;

/// A bundle of these chunks and this outline.
pub(crate) fn bundle(chunks: Vec<Chunk>, outline: Vec<OutlineNode>) -> Bundle {
    let text = chunks.iter().map(|chunk| chunk.text.as_str()).collect::<Vec<_>>().join(" ");
    Bundle {
        vectors: Vectors::quantize(&vec![vec![1.0]; chunks.len()]).unwrap(),
        language: Language::of(&text),
        chunks,
        outline,
        document_title: None,
        summary: String::new(),
        page_count: None,
        embedding_model: "none".to_owned(),
        index: Bytes::new(),
    }
}

/// A brief of materials with so many short chunks each.
pub(crate) fn brief(chunk_counts: &[u32]) -> Brief {
    let materials = chunk_counts.iter().map(|&count| {
        let chunks =
            (0..count).map(|index| chunk(index, &format!("Text number {index}."))).collect();
        let outline = vec![node("Everything", 1, 0, count - 1, vec![])];
        BriefMaterial {
            id: MaterialId::random(),
            title: "A book".to_owned(),
            bundle: Arc::new(bundle(chunks, outline)),
        }
    });
    Brief {
        goal: "Learn it".to_owned(),
        special_requirements: None,
        language: Language::English,
        today: date(2026, 3, 2),
        target_due_date: None,
        materials: materials.collect(),
    }
}

/// A chunk without headings and pages.
pub(crate) fn chunk(index: u32, text: &str) -> Chunk {
    Chunk { index, text: text.to_owned(), heading_path: Vec::new(), page: None, page_end: None }
}

/// A heading over these chunks.
pub(crate) fn node(
    title: &str,
    level: u8,
    start: u32,
    end: u32,
    children: Vec<OutlineNode>,
) -> OutlineNode {
    let chunk_range = ChunkRange { start, end };
    OutlineNode {
        title: title.to_owned(),
        level,
        page: None,
        chunk_range,
        keywords: Vec::new(),
        children,
    }
}

/// A module of a material over these chunks.
pub(crate) fn module(
    title: &str,
    material_index: usize,
    start: u32,
    end: u32,
    session_count: u32,
) -> ModuleAnswer {
    ModuleAnswer {
        title: title.to_owned(),
        description: "What it is about".to_owned(),
        material_index,
        chunk_range: ChunkRange { start, end },
        session_count,
        optional: false,
        stressed: false,
    }
}

/// A session over these chunks.
pub(crate) fn session(start: u32, end: u32) -> SessionAnswer {
    SessionAnswer {
        title: "A session".to_owned(),
        objective: "Explain it".to_owned(),
        estimated_minutes: 30,
        chunk_range: ChunkRange { start, end },
        optional: false,
    }
}

/// A structure of these modules.
pub(crate) fn structure(modules: Vec<ModuleAnswer>) -> StructureAnswer {
    StructureAnswer {
        title: "A plan".to_owned(),
        summary: "What it is about".to_owned(),
        modules,
        omitted: Vec::new(),
        unmet: Vec::new(),
    }
}
