//! A paragraph while it is being read.

use oxherd_study::document::BlockKind;

use super::styles::{Role, Styles};

/// A paragraph, open until its end; one may stand inside of another, in a text box.
#[derive(Debug, Default)]
pub(super) struct Paragraph {
    /// Its text; breaks are line ends.
    pub text: String,
    /// The id of its style.
    pub style: Option<String>,
    /// The level that it has by itself, from 0.
    pub outline_level: Option<u8>,
    /// It has a number or a bullet.
    pub is_item: bool,
}

impl Paragraph {
    /// Tells what the paragraph is.
    pub(super) fn role(&self, styles: &Styles) -> Role {
        let role = self.style.as_deref().map_or(Role::Text, |style| styles.role(style));
        match (role, self.outline_level) {
            (Role::Text | Role::Heading(_), Some(level @ 0..=8)) => Role::Heading(level + 1),
            (Role::Text, _) if self.is_item => Role::Item,
            _ => role,
        }
    }
}

/// Returns the kind of block that a role makes; `None` for what is no text.
pub(super) fn kind(role: Role) -> Option<BlockKind> {
    match role {
        Role::Text | Role::Title => Some(BlockKind::Paragraph),
        Role::Heading(level) => Some(BlockKind::Heading { level: level.min(6) }),
        Role::Code => Some(BlockKind::Code),
        Role::Item => Some(BlockKind::ListItem),
        Role::Contents => None,
    }
}
