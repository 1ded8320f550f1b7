//! Which elements of a page are not its text: scripts, controls, navigation.

use html5ever::Attribute;
use markup5ever_rcdom::{Handle, NodeData};

/// Elements that never hold text of the document.
const SILENT: [&str; 25] = [
    "script", "style", "template", "noscript", "nav", "aside", "button", "select", "textarea",
    "input", "option", "svg", "canvas", "iframe", "object", "embed", "audio", "video", "map",
    "dialog", "menu", "frameset", "noframes", "datalist", "link",
];

/// Classes by which generators mark what they put around a text: DocBook, Sphinx, MediaWiki, Doxygen.
const CLASSES: [&str; 13] = [
    "navheader",
    "navfooter",
    "toc",
    "list-of-tables",
    "list-of-figures",
    "list-of-examples",
    "headerlink",
    "sphinxsidebar",
    "breadcrumb",
    "breadcrumbs",
    "mw-editsection",
    "mw-jump-link",
    "navbar",
];

/// Roles of what is around the text.
const ROLES: [&str; 6] =
    ["navigation", "banner", "contentinfo", "search", "complementary", "doc-toc"];

/// Tells an element whose whole content is left out.
pub(super) fn is_silent(name: &str, attributes: &[Attribute]) -> bool {
    SILENT.contains(&name) || attributes.iter().any(is_silencing)
}

fn is_silencing(attribute: &Attribute) -> bool {
    let value = attribute.value.trim();
    match attribute.name.local.as_ref() {
        "hidden" => true,
        "aria-hidden" => value == "true",
        "role" => ROLES.contains(&value),
        "class" => value.split_ascii_whitespace().any(|class| CLASSES.contains(&class)),
        "style" => {
            let style = value.to_ascii_lowercase().replace(' ', "");
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        _ => false,
    }
}

/// Tells a page header or footer, which is left out, from the header of an article, which often
/// holds the title: only those outside of the content and without a highest heading are left out.
pub(super) fn is_page_frame(name: &str, node: &Handle, is_in_content: bool) -> bool {
    matches!(name, "header" | "footer") && !is_in_content && !has_main_heading(node)
}

fn has_main_heading(node: &Handle) -> bool {
    let mut stack = vec![node.clone()];
    while let Some(node) = stack.pop() {
        if let NodeData::Element { name, .. } = &node.data
            && &*name.local == "h1"
        {
            return true;
        }
        stack.extend(node.children.borrow().iter().cloned());
    }
    false
}
