//! How long it takes to study a text.
//!
//! The rates are those of careful study, half the usual speed of reading: 250 syllables a minute
//! for Korean (500 read), 100 words a minute for English (200 read), 6 characters to a word with
//! its space. Code and tables are skimmed and looked up: they count half.

use crate::chunk::Chunk;
use crate::language::is_hangul;

/// Korean syllables studied in a minute.
const SYLLABLES_A_MINUTE: f32 = 250.0;
/// Other characters studied in a minute: 100 words of 6.
const CHARACTERS_A_MINUTE: f32 = 600.0;
/// How much a line of code or a row of a table counts.
const CODE_WEIGHT: f32 = 0.5;

/// Returns the minutes that a chunk takes, its headings not counted.
pub(super) fn minutes(chunk: &Chunk) -> f32 {
    chunk.text.lines().map(line_minutes).sum()
}

fn line_minutes(line: &str) -> f32 {
    let hangul = line.chars().filter(|c| is_hangul(*c)).count();
    let other = line.chars().count() - hangul;
    // Spaces and punctuation of Korean text are read with its syllables.
    let beside = other.min(hangul / 2);
    let minutes =
        hangul as f32 / SYLLABLES_A_MINUTE + (other - beside) as f32 / CHARACTERS_A_MINUTE;
    if is_code(line) { minutes * CODE_WEIGHT } else { minutes }
}

/// Tells whether a line looks like code, terminal output or a row of a table: a prompt, or a fifth
/// of its characters (without spaces) being signs that prose has little of.
pub(super) fn is_code(line: &str) -> bool {
    let trimmed = line.trim_start();
    if command(trimmed).is_some() || line.contains('\t') || trimmed.starts_with('|') {
        return true;
    }
    let dense = trimmed.chars().filter(|c| !c.is_whitespace());
    let (mut all, mut signs) = (0_usize, 0_usize);
    for character in dense {
        all += 1;
        signs += usize::from(character.is_ascii_punctuation() && !",.'\"-()".contains(character));
    }
    all >= 4 && signs * 5 >= all
}

/// Returns the command after a shell prompt. After a `#`, which comments begin with too, only
/// commands of administrators count.
pub(super) fn command(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (typed, by_root) = match line.strip_prefix("$ ") {
        Some(typed) => (typed, false),
        None => (line.strip_prefix("# ")?, true),
    };
    let mut words = typed.split_whitespace();
    let first = words.next().filter(|word| *word != "sudo").or_else(|| words.next())?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_+.".contains(c);
    let is_name = first.len() >= 2
        && first.starts_with(|c: char| c.is_ascii_lowercase())
        && first.chars().all(is_plain);
    (is_name && (!by_root || ROOT_COMMANDS.contains(&first))).then_some(first)
}

/// What administrators type, as far as it is worth naming in an objective.
const ROOT_COMMANDS: &[&str] = &[
    "addgroup",
    "adduser",
    "apt",
    "apt-cache",
    "apt-get",
    "apt-key",
    "apt-mark",
    "aptitude",
    "blkid",
    "cfdisk",
    "chgrp",
    "chmod",
    "chown",
    "chroot",
    "cp",
    "cryptsetup",
    "dd",
    "debconf-set-selections",
    "debootstrap",
    "docker",
    "dpkg",
    "dpkg-reconfigure",
    "e2fsck",
    "fdisk",
    "fsck",
    "grub-install",
    "ifup",
    "ip",
    "iptables",
    "journalctl",
    "lvcreate",
    "lvextend",
    "mdadm",
    "mkfs",
    "mkfs.ext4",
    "mkswap",
    "modprobe",
    "mount",
    "nft",
    "parted",
    "passwd",
    "pvcreate",
    "reboot",
    "resize2fs",
    "rsync",
    "service",
    "sfdisk",
    "ssh",
    "swapon",
    "systemctl",
    "tar",
    "tune2fs",
    "ufw",
    "umount",
    "update-alternatives",
    "update-grub",
    "update-initramfs",
    "useradd",
    "usermod",
    "vgcreate",
    "visudo",
];

#[cfg(test)]
mod tests {
    use super::{command, is_code, minutes};
    use crate::author::testing::chunk;

    #[test]
    fn an_hour_of_study_is_6000_english_words_or_15000_korean_syllables() {
        let english = minutes(&chunk(0, &"words ".repeat(6000)));
        assert!((english - 60.0).abs() < 1.0, "{english}");
        let korean = minutes(&chunk(0, &"다람쥐가 나무에 오른다. ".repeat(1500)));
        assert!((korean - 60.0).abs() < 4.0, "{korean}");
    }

    #[test]
    fn code_counts_half() {
        let line = "$ apt-get install openssh-server";
        let prose = "Now apt-get install openssh-server";
        let (code, prose) = (minutes(&chunk(0, line)), minutes(&chunk(0, prose)));
        assert!(code < prose * 0.6, "{code} {prose}");
        assert!(is_code("if (a[0] == b) { return &c; }"));
        assert!(!is_code("Prose, with (some) signs - and \"quotes\"."));
    }

    #[test]
    fn commands_are_read_after_a_prompt() {
        assert_eq!(command("$ sudo apt-get update"), Some("apt-get"));
        assert_eq!(command("# dpkg -i x.deb"), Some("dpkg"));
        assert_eq!(command("# This is a comment."), None);
        assert_eq!(command("apt-get update"), None);
    }
}
