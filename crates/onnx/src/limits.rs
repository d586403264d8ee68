//! How much a graph may ask for. The runtime computes whatever it is told; these bounds keep a careless or damaged file
//! from taking the server's memory. They see sizes that are written in the file, not sizes that it computes.

use rten_onnx::onnx::{DataLocation, DataType, GraphProto, NodeProto, TensorProto};

use crate::{Error, Result};

/// Numbers in one tensor: 64 MB of floats.
const ELEMENTS_MAX: u64 = 16 << 20;
const NODES_MAX: usize = 20_000;

pub(crate) fn check(graph: &GraphProto) -> Result<()> {
    if graph.node.len() > NODES_MAX {
        return Err(Error::File(format!("it has {} operators, at most {NODES_MAX} are taken", graph.node.len())));
    }
    graph.initializer.iter().try_for_each(check_tensor)?;
    for node in &graph.node {
        for attribute in &node.attribute {
            attribute.t.iter().try_for_each(check_tensor)?;
            attribute.g.iter().try_for_each(check)?;
        }
        check_size(graph, node)?;
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto) -> Result<()> {
    let name = tensor.name.as_deref().unwrap_or("?");
    if tensor.data_location == Some(DataLocation::EXTERNAL) {
        return Err(Error::File(format!(
            "the weights {name:?} lie in another file; save it as one, in Python: onnx.save(onnx.load(\"model.onnx\"), \
             \"single.onnx\")"
        )));
    }
    bounded(name, &tensor.dims)
}

/// Operators that make a tensor of a size that another tensor says.
fn check_size(graph: &GraphProto, node: &NodeProto) -> Result<()> {
    let op = node.op_type.as_deref().unwrap_or_default();
    if !matches!(op, "ConstantOfShape" | "Expand" | "Tile" | "Resize" | "Upsample") {
        return Ok(());
    }
    let made = |name: &String| {
        let constant = graph.node.iter().find(|node| node.output.first() == Some(name));
        let constant = constant.filter(|node| node.op_type.as_deref() == Some("Constant"));
        let inline = constant.and_then(|node| node.attribute.iter().find_map(|attribute| attribute.t.as_ref()));
        graph.initializer.iter().find(|tensor| tensor.name.as_ref() == Some(name)).or(inline).map(whole_numbers)
    };
    node.input.iter().filter_map(made).try_for_each(|dims| bounded(op, &dims))
}

fn whole_numbers(tensor: &TensorProto) -> Vec<i64> {
    let raw = tensor.raw_data.as_ref().map(|raw| raw.borrow().clone()).unwrap_or_default();
    let (words, _) = raw.as_chunks::<8>();
    match tensor.data_type {
        Some(DataType::INT64) => {
            tensor.int64_data.iter().copied().chain(words.iter().map(|word| i64::from_le_bytes(*word))).collect()
        }
        _ => Vec::new(),
    }
}

fn bounded(name: &str, dims: &[i64]) -> Result<()> {
    let elements = dims.iter().try_fold(1_u64, |product, dim| product.checked_mul(dim.unsigned_abs().max(1)));
    match elements.filter(|elements| *elements <= ELEMENTS_MAX) {
        Some(_) => Ok(()),
        None => Err(Error::File(format!(
            "{name:?} asks for a tensor of {dims:?}, at most {ELEMENTS_MAX} numbers are taken"
        ))),
    }
}
