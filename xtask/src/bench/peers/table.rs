//! The tables of the peers: medians, and ratios within each round.

use std::fmt;

use super::Workload;
use super::run::{Figures, Peer};

/// All runs, by workload.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    workload: Workload,
    node: Vec<Figures>,
    official: Vec<Figures>,
    ours: Vec<Figures>,
}

impl Table {
    pub(super) fn push(&mut self, workload: Workload, peer: Peer, figures: Figures) {
        if self.rows.last().is_none_or(|row| row.workload.name != workload.name) {
            let (node, official, ours) = (Vec::new(), Vec::new(), Vec::new());
            self.rows.push(Row { workload, node, official, ours });
        }
        if let Some(row) = self.rows.last_mut() {
            match peer {
                Peer::Node => row.node.push(figures),
                Peer::Official => row.official.push(figures),
                Peer::Ours => row.ours.push(figures),
            }
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (paced, fast): (Vec<_>, Vec<_>) = self.rows.iter().partition(|row| row.is_paced());
        if !fast.is_empty() {
            writeln!(
                f,
                "| Workload | npm bullmq jobs/s | bullmq-official | ours | times npm (min-max), aim \
                 | times official | Redis CPU, times npm | client CPU, times npm | commands a job \
                 | bytes to Redis a job | RSS MiB |\n|---|---|---|---|---|---|---|---|---|---|---|"
            )?;
            fast.iter().try_for_each(|row| row.write_rates(f))?;
        }
        if !paced.is_empty() {
            writeln!(
                f,
                "\n| Start after the add or the due time, ms | npm bullmq p50 / p99 / p99.9 \
                 | bullmq-official | ours | commands a job |\n|---|---|---|---|---|"
            )?;
            paced.iter().try_for_each(|row| row.write_waits(f))?;
        }
        Ok(())
    }
}

impl Row {
    /// Tells whether its jobs come at their own pace, so that their rate says nothing.
    fn is_paced(&self) -> bool {
        self.ours.iter().any(|run| !run.waited_micros.is_empty())
    }

    fn write_rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |runs: &[Figures], figure: fn(&Figures) -> f64| median(runs.iter().map(figure));
        let against = |peer: &[Figures], figure: fn(&Figures) -> f64| -> Vec<f64> {
            self.ours.iter().zip(peer).map(|(ours, peer)| figure(ours) / figure(peer)).collect()
        };
        let rates = against(&self.node, |run| run.rate);
        let least = rates.iter().copied().fold(f64::MAX, f64::min);
        let most = rates.iter().copied().fold(0.0, f64::max);
        let both = |figure: fn(&Figures) -> f64| (of(&self.ours, figure), of(&self.node, figure));
        let (commands, their_commands) = both(|run| run.commands);
        let (bytes, their_bytes) = both(|run| run.bytes);
        let (rss, their_rss) = both(|run| run.rss_mib);
        writeln!(
            f,
            "| {} | {:.0} | {:.0} | {:.0} | {:.2} ({least:.2}-{most:.2}), {} | {:.2} | {:.2} \
             | {:.2} | {commands:.1} of {their_commands:.1} | {bytes:.0} of {their_bytes:.0} \
             | {rss:.0} of {their_rss:.0} |",
            self.workload.name,
            of(&self.node, |run| run.rate),
            of(&self.official, |run| run.rate),
            of(&self.ours, |run| run.rate),
            median(rates.iter().copied()),
            self.workload.aim,
            median(against(&self.official, |run| run.rate).into_iter()),
            median(against(&self.node, |run| run.server_micros).into_iter()),
            median(against(&self.node, |run| run.client_micros).into_iter()),
        )
    }

    fn write_waits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = |runs: &[Figures]| median(runs.iter().map(|run| run.commands));
        writeln!(
            f,
            "| {} | {} | {} | {} | {:.1} of {:.1} |",
            self.workload.name,
            waits(&self.node),
            waits(&self.official),
            waits(&self.ours),
            commands(&self.ours),
            commands(&self.node),
        )
    }
}

/// Returns the percentiles over the jobs of all rounds, in milliseconds.
fn waits(runs: &[Figures]) -> String {
    let mut micros: Vec<u64> = runs.iter().flat_map(|run| run.waited_micros.clone()).collect();
    micros.sort_unstable();
    let percentile = |share: usize| {
        let place = (micros.len() * share / 1000).min(micros.len().saturating_sub(1));
        micros.get(place).map_or(f64::NAN, |micros| *micros as f64 / 1000.0)
    };
    format!("{:.2} / {:.2} / {:.2}", percentile(500), percentile(990), percentile(999))
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
