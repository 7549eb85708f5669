//! Where in a source changes can be made: the extents of expressions, arms and bodies, which a list of changes names
//! only by where they begin.

use std::{collections::HashMap, ops::Range};

use anyhow::Result;
use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprRepeat, ExprStruct, ExprUnary, ImplItemConst, ImplItemFn,
    ItemConst, ItemFn, ItemStatic, ReturnType, Signature, TraitItemConst, Type, TypeArray,
    spanned::Spanned,
    visit::{self, Visit},
};

/// What begins at a place.
#[derive(Debug, Clone)]
pub enum Site {
    /// `left operator right`, by where the operator begins.
    Binary { whole: Range<usize>, left: Range<usize>, right: Range<usize>, assigns: bool },
    /// `operator operand`.
    Unary { whole: Range<usize>, operand: Range<usize> },
    /// The statements of a function.
    Body { start: usize },
    /// An arm: where its pattern ends, and its guard.
    Arm { pattern_end: usize, guard: Option<Guard> },
    /// A guard, by where it begins.
    Guard(Guard),
    /// A field of a struct that is built on another, by where the field begins; with the comma after it.
    Field { whole: Range<usize>, field: Range<usize> },
}

#[derive(Debug, Clone)]
pub struct Guard {
    pub whole: Range<usize>,
    /// It binds something, so it cannot stand in parentheses.
    pub binds: bool,
}

/// All sites of one source, by where they begin. What is evaluated at compile time has none: there is no environment.
#[derive(Default)]
pub struct Sites {
    pub operators: HashMap<usize, Site>,
    pub bodies: HashMap<usize, Site>,
    pub arms: HashMap<usize, Site>,
    pub guards: HashMap<usize, Site>,
    pub fields: HashMap<usize, Site>,
}

pub fn of(source: &str) -> Result<Sites> {
    let mut sites = Sites::default();
    sites.visit_file(&syn::parse_file(source)?);
    Ok(sites)
}

fn range(of: &impl Spanned) -> Range<usize> {
    of.span().byte_range()
}

/// Whether this is a condition with `let` in it, whose parts may not change their places.
fn binds(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(ExprBinary { left, op: BinOp::And(_), right, .. }) => binds(left) || binds(right),
        _ => false,
    }
}

impl Sites {
    /// What a function of an unnamed type gives has one type, so it cannot be left with something else.
    fn body(&mut self, signature: &Signature, block: &Block) {
        let unnamed =
            matches!(&signature.output, ReturnType::Type(_, of) if matches!(**of, Type::ImplTrait(_)));
        if let Some(first) = block.stmts.first()
            && !unnamed
        {
            let start = range(first).start;
            self.bodies.insert(start, Site::Body { start });
        }
    }
}

impl<'ast> Visit<'ast> for Sites {
    fn visit_item_const(&mut self, _: &'ast ItemConst) {}

    fn visit_item_static(&mut self, _: &'ast ItemStatic) {}

    fn visit_impl_item_const(&mut self, _: &'ast ImplItemConst) {}

    fn visit_trait_item_const(&mut self, _: &'ast TraitItemConst) {}

    fn visit_type_array(&mut self, _: &'ast TypeArray) {}

    fn visit_expr_repeat(&mut self, repeat: &'ast ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.sig.constness.is_none() {
            self.body(&function.sig, &function.block);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if function.sig.constness.is_none() {
            self.body(&function.sig, &function.block);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        let whole = range(binary);
        if !binds(&Expr::Binary(binary.clone())) {
            let assigns = matches!(
                binary.op,
                BinOp::AddAssign(_)
                    | BinOp::SubAssign(_)
                    | BinOp::MulAssign(_)
                    | BinOp::DivAssign(_)
                    | BinOp::RemAssign(_)
                    | BinOp::BitXorAssign(_)
                    | BinOp::BitAndAssign(_)
                    | BinOp::BitOrAssign(_)
                    | BinOp::ShlAssign(_)
                    | BinOp::ShrAssign(_)
            );
            let (left, right) = (range(&binary.left), range(&binary.right));
            self.operators.insert(range(&binary.op).start, Site::Binary { whole, left, right, assigns });
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        let whole = range(unary);
        self.operators.insert(whole.start, Site::Unary { operand: range(&unary.expr), whole });
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let guard = arm.guard.as_ref().map(|(_, guard)| Guard { whole: range(guard), binds: binds(guard) });
        if let Some(guard) = &guard {
            self.guards.insert(guard.whole.start, Site::Guard(guard.clone()));
        }
        self.arms.insert(range(arm).start, Site::Arm { pattern_end: range(&arm.pat).end, guard });
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, built: &'ast ExprStruct) {
        for field in built.fields.pairs() {
            let end = field.punct().map_or(range(field.value()).end, |comma| range(comma).end);
            let start = range(field.value()).start;
            self.fields.insert(start, Site::Field { whole: range(built), field: start..end });
        }
        visit::visit_expr_struct(self, built);
    }
}
