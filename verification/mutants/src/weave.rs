//! A source with all its changes in it, of which `MUTANT` chooses one when the program runs.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use anyhow::{Result, bail};

use crate::{
    list::{Genre, Mutant},
    sites::{self, Guard, Site},
};

/// What the woven crate asks which change is in force; a module of its own there.
pub const MODULE: &str = include_str!("woven/mutant.rs");

/// A woven source, and where in it each change stands: what the compiler says of these bytes it says of the change.
pub struct Woven {
    pub text: String,
    pub places: Vec<(Range<usize>, u32)>,
}

/// What is put in one place of the source.
struct Edit<'a> {
    /// What the source has there; empty where something is only put in.
    whole: Range<usize>,
    kind: Kind,
    mutants: Vec<&'a Mutant>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Kind {
    /// Leaves a function at once, before its first statement.
    Leave,
    /// Passes over an arm that has no guard.
    Pass,
    /// Passes over an arm that has one.
    PassGuarded { binds: bool },
    /// Chooses among expressions; each change with its text.
    Choose(Vec<String>),
}

/// Weaves these changes into a source, and says which of them this cannot express.
pub fn weave<'a>(source: &str, mutants: &[&'a Mutant]) -> Result<(Woven, Vec<&'a Mutant>)> {
    let sites = sites::of(source)?;
    // By where they begin, the longer and the outer first.
    let mut edits: BTreeMap<(usize, Reverse<usize>, Rank), Edit<'a>> = BTreeMap::new();
    let mut beyond = Vec::new();
    for mutant in mutants {
        let start = mutant.start(source)?;
        let site = match mutant.genre {
            Genre::FnValue => sites.bodies.get(&start),
            Genre::BinaryOperator | Genre::UnaryOperator => sites.operators.get(&start),
            Genre::MatchArm => sites.arms.get(&start),
            Genre::MatchArmGuard => sites.guards.get(&start),
            Genre::StructField => sites.fields.get(&start),
        };
        let Some((whole, kind)) = site.and_then(|site| edit(source, site, &mutant.replacement)) else {
            beyond.push(*mutant);
            continue;
        };
        let extent = if kind == Kind::Leave { usize::MAX } else { whole.end };
        let key = (whole.start, Reverse(extent), Rank::of(&kind));
        let edit = edits.entry(key).or_insert_with(|| Edit { whole, kind: none(&kind), mutants: Vec::new() });
        if let (Kind::Choose(texts), Kind::Choose(text)) = (&mut edit.kind, kind) {
            texts.extend(text);
        }
        edit.mutants.push(mutant);
    }
    let edits: Vec<Edit<'_>> = edits.into_values().collect();
    let mut woven = Woven { text: String::with_capacity(2 * source.len()), places: Vec::new() };
    let rest = woven.copy(source, 0..source.len(), &edits);
    if !rest.is_empty() {
        bail!("changes lie across each other");
    }
    Ok((woven, beyond))
}

/// Of two edits with one extent, which is outside.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Leave,
    Pass,
    Choose,
}

impl Rank {
    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Leave => Self::Leave,
            Kind::Pass | Kind::PassGuarded { .. } => Self::Pass,
            Kind::Choose(_) => Self::Choose,
        }
    }
}

fn none(kind: &Kind) -> Kind {
    if let Kind::Choose(_) = kind { Kind::Choose(Vec::new()) } else { kind.clone() }
}

/// Where a change is put in, and how. The operands of a changed operator stay its operands, whatever binds more tightly;
/// they have no changes of their own there, because one change is in force at a time.
fn edit(source: &str, site: &Site, replacement: &str) -> Option<(Range<usize>, Kind)> {
    Some(match site {
        Site::Binary { whole, left, right, assigns } => {
            let (left, right) = (&source[left.clone()], &source[right.clone()]);
            let text = if *assigns {
                format!("{left} {replacement} ({right})")
            } else {
                format!("({left}) {replacement} ({right})")
            };
            (whole.clone(), Kind::Choose(vec![text]))
        }
        Site::Unary { whole, operand } => {
            (whole.clone(), Kind::Choose(vec![source[operand.clone()].to_owned()]))
        }
        Site::Body { start } => (*start..*start, Kind::Leave),
        Site::Arm { pattern_end, guard: None } => (*pattern_end..*pattern_end, Kind::Pass),
        Site::Arm { guard: Some(Guard { whole, binds }), .. } => {
            (whole.clone(), Kind::PassGuarded { binds: *binds })
        }
        Site::Guard(Guard { binds: true, .. }) => return None,
        Site::Guard(Guard { whole, .. }) => (whole.clone(), Kind::Choose(vec![replacement.to_owned()])),
        Site::Field { whole, field } => {
            let text = format!("{}{}", &source[whole.start..field.start], &source[field.end..whole.end]);
            (whole.clone(), Kind::Choose(vec![text]))
        }
    })
}

impl Woven {
    /// Copies a piece of the source with the edits in it, and gives those back that lie behind it.
    fn copy<'e, 'm>(
        &mut self,
        source: &str,
        piece: Range<usize>,
        mut edits: &'e [Edit<'m>],
    ) -> &'e [Edit<'m>] {
        let mut at = piece.start;
        while let Some((edit, rest)) = edits.split_first()
            && edit.whole.end <= piece.end
        {
            self.text.push_str(&source[at..edit.whole.start]);
            edits = self.edit(source, edit, rest);
            at = edit.whole.end;
        }
        self.text.push_str(&source[at..piece.end]);
        edits
    }

    fn edit<'e, 'm>(&mut self, source: &str, edit: &Edit<'m>, within: &'e [Edit<'m>]) -> &'e [Edit<'m>] {
        match &edit.kind {
            Kind::Leave => {
                for mutant in &edit.mutants {
                    self.put(
                        mutant,
                        &format!("if crate::mutant::is({}) {{ return {}; }} ", mutant.id, mutant.replacement),
                    );
                }
                within
            }
            Kind::Pass => {
                self.text.push_str(" if true");
                for mutant in &edit.mutants {
                    self.put(mutant, &format!(" && crate::mutant::off({})", mutant.id));
                }
                within
            }
            Kind::PassGuarded { binds } => {
                for mutant in &edit.mutants {
                    self.put(mutant, &format!("crate::mutant::off({}) && ", mutant.id));
                }
                self.text.push_str(if *binds { "" } else { "(" });
                let rest = self.copy(source, edit.whole.clone(), within);
                self.text.push_str(if *binds { "" } else { ")" });
                rest
            }
            Kind::Choose(texts) => {
                let chosen: Vec<_> = edit.mutants.iter().zip(texts).collect();
                self.text.push('(');
                for (mutant, _) in &chosen {
                    self.text.push_str(&format!("if crate::mutant::off({}) {{", mutant.id));
                }
                let rest = self.copy(source, edit.whole.clone(), within);
                for (mutant, text) in chosen.iter().rev() {
                    self.text.push_str("} else ");
                    self.put(mutant, &format!("{{{text}}}"));
                }
                self.text.push(')');
                rest
            }
        }
    }

    fn put(&mut self, mutant: &Mutant, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.places.push((start..self.text.len(), mutant.id));
    }
}
