//! Rewrites operators of the domain `ai.onnx.ml` in standard ones, and leaves out what does not lead to the score.
//!
//! Meanings are those of the [ONNX-ML operator list](https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md); where
//! it is silent, as on the two columns of a binary classifier, ONNX Runtime's reading holds, which is what exporters
//! test against.

use std::collections::{BTreeSet, HashMap};

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
};

use crate::{Error, Result, trees};

const ML: &str = "ai.onnx.ml";
/// The operator set that rewritten nodes are written for, where the model imports none.
const OPSET: i64 = 17;

/// The graph that computes `output` and nothing else, in operators of the standard domain.
pub(crate) fn lower(mut model: ModelProto, output: &str) -> Result<ModelProto> {
    let graph = model.graph.as_mut().ok_or_else(|| Error::File("it holds no graph".to_owned()))?;
    prune(graph, output);
    let nodes = std::mem::take(&mut graph.node);
    let mut rewriting = Rewriting::new(nodes.len());
    let mut refused = BTreeSet::new();
    for node in nodes {
        let domain = node.domain.as_deref().unwrap_or_default();
        if domain == ML {
            match rewriting.rewrite(&node) {
                Err(Error::Operators(operator)) => drop(refused.insert(operator)),
                other => other?,
            }
        } else {
            rewriting.nodes.push(node);
        }
    }
    if !refused.is_empty() {
        let names: Vec<String> = refused.into_iter().collect();
        return Err(Error::Operators(format!(
            "{}; export another way, such as Hummingbird or an equal network in PyTorch",
            names.join(", ")
        )));
    }
    graph.node = rewriting.nodes;
    graph.initializer.extend(rewriting.constants);
    // What remains speaks of values that may be gone.
    graph.value_info.clear();
    model.opset_import.retain(|set| set.domain.as_deref() != Some(ML));
    if !model.opset_import.iter().any(|set| set.domain.as_deref().is_none_or(str::is_empty)) {
        model.opset_import.push(OperatorSetIdProto { domain: None, version: Some(OPSET) });
    }
    Ok(model)
}

/// Keeps what `output` needs: label columns, their strings and their maps go.
fn prune(graph: &mut GraphProto, output: &str) {
    let producer: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(i, node)| node.output.iter().map(move |name| (name.as_str(), i)))
        .collect();
    let mut needed = vec![false; graph.node.len()];
    let mut open = vec![output.to_owned()];
    while let Some(name) = open.pop() {
        let Some(&i) = producer.get(name.as_str()) else { continue };
        if !std::mem::replace(&mut needed[i], true) {
            open.extend(reads(&graph.node[i]));
        }
    }
    let mut needed = needed.into_iter();
    graph.node.retain(|_| needed.next().unwrap_or(false));
    let read: BTreeSet<String> = graph.node.iter().flat_map(reads).collect();
    graph.initializer.retain(|tensor| tensor.name.as_ref().is_some_and(|name| read.contains(name)));
    graph.output.retain(|value| value.name.as_deref() == Some(output));
}

/// The names that a node reads, those of its branches and loop bodies included.
fn reads(node: &NodeProto) -> Vec<String> {
    let inner = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
    let inner = inner.flat_map(|graph| {
        let outputs = graph.output.iter().filter_map(|value| value.name.clone());
        graph.node.iter().flat_map(reads).chain(outputs).collect::<Vec<_>>()
    });
    node.input.iter().filter(|name| !name.is_empty()).cloned().chain(inner).collect()
}

/// The new graph while it grows.
pub(crate) struct Rewriting {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    n_names: usize,
}

impl Rewriting {
    fn new(capacity: usize) -> Self {
        Self { nodes: Vec::with_capacity(capacity), constants: Vec::new(), n_names: 0 }
    }

    fn fresh(&mut self) -> String {
        self.n_names += 1;
        format!("vitrina.{}", self.n_names)
    }

    /// A value of a standard operator over values.
    pub fn op(&mut self, op_type: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = self.fresh();
        self.nodes.push(NodeProto {
            name: Some(output.clone()),
            op_type: Some(op_type.to_owned()),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.clone()],
            attribute: attributes,
            domain: None,
        });
        output
    }

    pub fn floats(&mut self, dims: &[usize], values: Vec<f32>) -> String {
        self.constant(dims, TensorProto { data_type: Some(DataType::FLOAT), float_data: values, ..Default::default() })
    }

    pub fn ints(&mut self, dims: &[usize], values: Vec<i64>) -> String {
        self.constant(dims, TensorProto { data_type: Some(DataType::INT64), int64_data: values, ..Default::default() })
    }

    fn constant(&mut self, dims: &[usize], tensor: TensorProto) -> String {
        let name = self.fresh();
        let dims = dims.iter().map(|dim| *dim as i64).collect();
        self.constants.push(TensorProto { name: Some(name.clone()), dims, ..tensor });
        name
    }

    fn row(&mut self, values: Vec<f32>) -> String {
        self.floats(&[1, values.len()], values)
    }

    pub fn float(&mut self, x: &str) -> String {
        self.op("Cast", &[x], vec![int("to", DataType::FLOAT.0.into())])
    }

    /// Writes the nodes that stand for `node`.
    fn rewrite(&mut self, node: &NodeProto) -> Result<()> {
        let ml = MlNode(node);
        let x = ml.input(0)?;
        let (column, result) = match node.op_type.as_deref().unwrap_or_default() {
            // A list of maps from label to probability: the probabilities, in order of the labels, are enough.
            "ZipMap" => (0, self.op("Identity", &[x], vec![])),
            "ArrayFeatureExtractor" => {
                let flat = self.ints(&[1], vec![-1]);
                let columns = self.op("Reshape", &[ml.input(1)?, &flat], vec![]);
                (0, self.op("Gather", &[x, &columns], vec![int("axis", -1)]))
            }
            "FeatureVectorizer" => (0, self.vectorize(node)),
            "Scaler" => (0, self.scaler(&ml, x)),
            "Imputer" => (0, self.imputer(&ml, x)?),
            "Normalizer" => (0, self.normalizer(&ml, x)?),
            "Binarizer" => {
                let (x, threshold) = (self.float(x), self.row(vec![ml.float("threshold").unwrap_or(0.0)]));
                let above = self.op("Greater", &[&x, &threshold], vec![]);
                (0, self.float(&above))
            }
            "LinearRegressor" => (0, self.linear_regressor(&ml, x)?),
            "LinearClassifier" => (1, self.linear_classifier(&ml, x)?),
            "TreeEnsembleRegressor" => (0, trees::regressor(self, &ml, x)?),
            "TreeEnsembleClassifier" => (1, trees::classifier(self, &ml, x)?),
            other => return Err(Error::Operators(format!("{ML}.{other}"))),
        };
        for (i, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if i == column {
                self.op("Identity", &[&result], vec![]);
                self.nodes.last_mut().expect("just pushed").output = vec![name.clone()];
            }
        }
        Ok(())
    }

    fn vectorize(&mut self, node: &NodeProto) -> String {
        let floats: Vec<String> = node.input.iter().map(|x| self.float(x)).collect();
        let inputs: Vec<&str> = floats.iter().map(String::as_str).collect();
        self.op("Concat", &inputs, vec![int("axis", 1)])
    }

    /// `(x − offset) · scale`
    fn scaler(&mut self, ml: &MlNode<'_>, x: &str) -> String {
        let x = self.float(x);
        let (offset, scale) = (self.row(ml.floats("offset").to_vec()), self.row(ml.floats("scale").to_vec()));
        let centred = self.op("Sub", &[&x, &offset], vec![]);
        self.op("Mul", &[&centred, &scale], vec![])
    }

    fn imputer(&mut self, ml: &MlNode<'_>, x: &str) -> Result<String> {
        if !ml.ints("imputed_value_int64s").is_empty() {
            return Err(Error::Operators(format!("{ML}.Imputer of integers")));
        }
        let x = self.float(x);
        let imputed = self.row(ml.floats("imputed_value_floats").to_vec());
        let replaced = ml.float("replaced_value_float").unwrap_or(f32::NAN);
        let is_missing = if replaced.is_nan() {
            self.op("IsNaN", &[&x], vec![])
        } else {
            let replaced = self.row(vec![replaced]);
            self.op("Equal", &[&x, &replaced], vec![])
        };
        Ok(self.op("Where", &[&is_missing, &imputed, &x], vec![]))
    }

    /// Each row over its norm; a row of zeros stays.
    fn normalizer(&mut self, ml: &MlNode<'_>, x: &str) -> Result<String> {
        let x = self.float(x);
        let reduce = match ml.string("norm").unwrap_or("MAX") {
            "L1" => "ReduceL1",
            "L2" => "ReduceL2",
            other => return Err(Error::Operators(format!("{ML}.Normalizer with norm {other}"))),
        };
        let norm = self.op(reduce, &[&x], vec![ints("axes", &[1]), int("keepdims", 1)]);
        let (zero, one) = (self.row(vec![0.0]), self.row(vec![1.0]));
        let is_zero = self.op("Equal", &[&norm, &zero], vec![]);
        let divisor = self.op("Where", &[&is_zero, &one, &norm], vec![]);
        Ok(self.op("Div", &[&x, &divisor], vec![]))
    }

    fn linear_regressor(&mut self, ml: &MlNode<'_>, x: &str) -> Result<String> {
        let n_targets = ml.int("targets").unwrap_or(1).max(1) as usize;
        let y = self.affine(ml, x, n_targets)?;
        self.post_transform(ml, &y)
    }

    fn linear_classifier(&mut self, ml: &MlNode<'_>, x: &str) -> Result<String> {
        let n_labels = ml.n_labels();
        let n_rows = ml.floats("intercepts").len().max(1);
        if n_rows != 1 || n_labels != 2 {
            let y = self.affine(ml, x, n_labels.max(1))?;
            return self.post_transform(ml, &y);
        }
        let y = self.affine(ml, x, 1)?;
        self.two_classes(ml, &y, false)
    }

    /// `x · coefficientsᵀ + intercepts`
    fn affine(&mut self, ml: &MlNode<'_>, x: &str, n_rows: usize) -> Result<String> {
        let rows = ml.floats("coefficients");
        if rows.is_empty() || !rows.len().is_multiple_of(n_rows) {
            return Err(Error::File(format!("{} has {} coefficients for {n_rows} rows", ml.name(), rows.len())));
        }
        let width = rows.len() / n_rows;
        let transposed = (0..width).flat_map(|i| (0..n_rows).map(move |row| rows[row * width + i])).collect();
        let (x, coefficients) = (self.float(x), self.floats(&[width, n_rows], transposed));
        let y = self.op("MatMul", &[&x, &coefficients], vec![]);
        let intercepts = ml.floats("intercepts");
        if intercepts.is_empty() {
            return Ok(y);
        }
        let intercepts = self.row(intercepts.to_vec());
        Ok(self.op("Add", &[&y, &intercepts], vec![]))
    }

    /// The columns of both classes from the score of the second.
    pub fn two_classes(&mut self, ml: &MlNode<'_>, y: &str, is_share: bool) -> Result<String> {
        let (first, second) = match ml.string("post_transform").unwrap_or("NONE") {
            "LOGISTIC" => {
                let opposite = self.op("Neg", &[y], vec![]);
                (self.op("Sigmoid", &[&opposite], vec![]), self.op("Sigmoid", &[y], vec![]))
            }
            "NONE" if is_share => {
                let one = self.row(vec![1.0]);
                (self.op("Sub", &[&one, y], vec![]), y.to_owned())
            }
            "NONE" => (self.op("Neg", &[y], vec![]), y.to_owned()),
            other => return Err(ml.unknown_transform(other)),
        };
        Ok(self.op("Concat", &[&first, &second], vec![int("axis", 1)]))
    }

    pub fn post_transform(&mut self, ml: &MlNode<'_>, y: &str) -> Result<String> {
        match ml.string("post_transform").unwrap_or("NONE") {
            "NONE" => Ok(y.to_owned()),
            "LOGISTIC" => Ok(self.op("Sigmoid", &[y], vec![])),
            "SOFTMAX" => Ok(self.op("Softmax", &[y], vec![int("axis", 1)])),
            other => Err(ml.unknown_transform(other)),
        }
    }
}

/// A node of the domain, and its attributes by name.
pub(crate) struct MlNode<'a>(&'a NodeProto);

impl<'a> MlNode<'a> {
    pub fn name(&self) -> String {
        format!("{ML}.{}", self.0.op_type.as_deref().unwrap_or_default())
    }

    fn input(&self, i: usize) -> Result<&'a str> {
        let name = self.0.input.get(i).filter(|name| !name.is_empty());
        name.map(String::as_str).ok_or_else(|| Error::File(format!("{} lacks its input {i}", self.name())))
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name)?.f
    }

    pub fn string(&self, name: &str) -> Option<&'a str> {
        self.attribute(name)?.s.as_deref()
    }

    pub fn ints(&self, name: &str) -> &'a [i64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub fn floats(&self, name: &str) -> &'a [f32] {
        self.attribute(name).map_or(&[], |attribute| &attribute.floats)
    }

    pub fn strings(&self, name: &str) -> &'a [String] {
        self.attribute(name).map_or(&[], |attribute| &attribute.strings)
    }

    /// Floats, or the tensor of doubles that newer exporters write in their place.
    pub fn numbers(&self, name: &str) -> Vec<f32> {
        let tensor = self.attribute(&format!("{name}_as_tensor")).and_then(|attribute| attribute.t.as_ref());
        let Some(tensor) = tensor else { return self.floats(name).to_vec() };
        let raw = tensor.raw_data.as_ref().map(|raw| raw.borrow().clone()).unwrap_or_default();
        let (words, _) = raw.as_chunks::<8>();
        let doubles = tensor.double_data.iter().copied().chain(words.iter().map(|word| f64::from_le_bytes(*word)));
        match tensor.data_type {
            Some(DataType::DOUBLE) => doubles.map(|value| value as f32).collect(),
            _ => {
                let (words, _) = raw.as_chunks::<4>();
                tensor.float_data.iter().copied().chain(words.iter().map(|word| f32::from_le_bytes(*word))).collect()
            }
        }
    }

    pub fn n_labels(&self) -> usize {
        let ints = self.ints("classlabels_int64s").len().max(self.ints("classlabels_ints").len());
        ints.max(self.strings("classlabels_strings").len())
    }

    fn unknown_transform(&self, got: &str) -> Error {
        Error::Operators(format!("{} with post_transform {got}", self.name()))
    }
}

pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    let name = Some(name.to_owned());
    AttributeProto { name, i: Some(value), r#type: Some(AttributeType::INT), ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let name = Some(name.to_owned());
    AttributeProto { name, ints: values.to_vec(), r#type: Some(AttributeType::INTS), ..Default::default() }
}
