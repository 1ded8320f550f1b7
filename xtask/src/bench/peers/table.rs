//! The table of the peers: medians, and ratios within each round.

use std::fmt;

use super::run::{Figures, Peer};

/// All runs, by workload.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    aim: f64,
    node: Vec<Figures>,
    ours: Vec<Figures>,
}

impl Table {
    pub(super) fn push(&mut self, name: &'static str, aim: f64, peer: Peer, figures: Figures) {
        if self.rows.last().is_none_or(|row| row.name != name) {
            self.rows.push(Row { name, aim, node: Vec::new(), ours: Vec::new() });
        }
        if let Some(row) = self.rows.last_mut() {
            match peer {
                Peer::Node => row.node.push(figures),
                Peer::Ours => row.ours.push(figures),
            }
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| Workload | npm bullmq jobs/s | ours | times (min-max), aim | Redis CPU, times | client CPU, times | commands a job | bytes to Redis a job | RSS MiB |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |runs: &[Figures], figure: fn(&Figures) -> f64| median(runs.iter().map(figure));
        let ratios = |figure: fn(&Figures) -> f64| -> Vec<f64> {
            let rounds = self.ours.iter().zip(&self.node);
            rounds.map(|(ours, node)| figure(ours) / figure(node)).collect()
        };
        let rates = ratios(|run| run.rate);
        let (least, most) = (
            rates.iter().copied().fold(f64::MAX, f64::min),
            rates.iter().copied().fold(0.0, f64::max),
        );
        let both = |figure: fn(&Figures) -> f64| (of(&self.ours, figure), of(&self.node, figure));
        let (commands, their_commands) = both(|run| run.commands);
        let (bytes, their_bytes) = both(|run| run.bytes);
        let (rss, their_rss) = both(|run| run.rss_mib);
        write!(
            f,
            "| {} | {:.0} | {:.0} | {:.2} ({least:.2}-{most:.2}), {} | {:.2} | {:.2} \
             | {commands:.1} of {their_commands:.1} | {bytes:.0} of {their_bytes:.0} \
             | {rss:.0} of {their_rss:.0} |",
            self.name,
            of(&self.node, |run| run.rate),
            of(&self.ours, |run| run.rate),
            median(rates.iter().copied()),
            self.aim,
            median(ratios(|run| run.server_micros).into_iter()),
            median(ratios(|run| run.client_micros).into_iter()),
        )
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
