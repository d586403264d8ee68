//! A brought model, ready to score.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rten::{Model, NodeId, Value};
use rten_onnx::onnx::{DataType, GraphProto, ModelProto, ValueInfoProto};

use crate::{
    Dim, Dtype, Error, Input, Result, Schema, limits,
    lower::lower,
    schema::{shown, width},
};

pub struct Scorer {
    schema: Schema,
    model: Model,
    /// As the schema's.
    inputs: Vec<NodeId>,
    output: NodeId,
    /// One a column.
    fills: Vec<f32>,
}

impl Scorer {
    /// # Errors
    /// When the file can't be read, uses what is not supported, or is not what the schema says.
    pub fn load(file: &[u8], schema: Schema) -> Result<Self> {
        let broken = |error: &dyn std::fmt::Display| {
            Error::File(format!("it is no ONNX model, or only part of one ({error}); export it again"))
        };
        let proto = ModelProto::parse_buf(file).map_err(|error| broken(&error))?;
        let graph = proto.graph.as_ref().ok_or_else(|| broken(&"it holds no graph"))?;
        limits::check(graph)?;
        check_interface(graph, &schema)?;
        let lowered = lower(proto, &schema.output.name)?.write_buf().map_err(|error| Error::File(error.to_string()))?;
        let model = guarded(|| Model::load(lowered))?.map_err(|error| match error.kind() {
            rten::LoadErrorKind::OperatorInvalid => Error::Operators(error.to_string()),
            _ => Error::File(error.to_string()),
        })?;
        let node = |name: &str| model.node_id(name).map_err(|error| Error::Mismatch(error.to_string()));
        let inputs = schema.inputs.iter().map(|input| node(&input.name)).collect::<Result<_>>()?;
        let output = node(&schema.output.name)?;
        let fill = |input: &Input, name: &String| input.fills.get(name).copied().unwrap_or(input.fill);
        let fills =
            schema.inputs.iter().flat_map(|input| input.features.iter().map(|name| fill(input, name))).collect();
        Ok(Self { model, inputs, output, fills, schema })
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// One score a row, all finite. `rows` holds one row of [`Schema::columns`] after the other, NaN where a value is
    /// missing.
    ///
    /// # Errors
    /// When the runtime fails, or gives what is no number.
    pub fn score(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let scores = self.compute(rows)?;
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(scores),
            Some(row) => {
                Err(Error::Run(format!("it gave {} for row {}, wanted a finite number", scores[row], row + 1)))
            }
        }
    }

    /// The same, with whatever the model gives.
    pub(crate) fn compute(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let n_columns = self.schema.n_columns();
        let n_rows = rows.len() / n_columns;
        assert_eq!(rows.len(), n_rows * n_columns, "whole rows");
        if n_rows == 0 {
            return Ok(Vec::new());
        }
        let mut start = 0;
        let inputs = self.schema.inputs.iter().zip(&self.inputs).map(|(input, id)| {
            let value = self.tensor(input, start, rows, n_rows);
            start += input.features.len();
            (*id, value.into())
        });
        let inputs = inputs.collect();
        let run = guarded(|| self.model.run_n(inputs, [self.output], None))?;
        let [output] = run.map_err(|error| Error::Run(error.to_string()))?;
        self.column(output, n_rows)
    }

    fn tensor(&self, input: &Input, start: usize, rows: &[f32], n_rows: usize) -> Value {
        let range = start..start + input.features.len();
        let row = |row: &[f32]| -> Vec<f32> {
            let filled = |column: usize| if row[column].is_nan() { self.fills[column] } else { row[column] };
            range.clone().map(filled).collect()
        };
        let values: Vec<f32> = rows.chunks_exact(self.schema.n_columns()).flat_map(row).collect();
        let shape: &[usize] = if input.shape.len() == 1 { &[n_rows] } else { &[n_rows, input.features.len()] };
        let fits = "the rows fill the shape";
        match input.dtype.is_float() {
            true => Value::from_shape(shape, values).expect(fits),
            false => Value::from_shape(shape, values.iter().map(|v| v.round() as i32).collect::<Vec<_>>()).expect(fits),
        }
    }

    fn column(&self, output: Value, n_rows: usize) -> Result<Vec<f32>> {
        let wanted = width(&self.schema.output.shape).unwrap_or(1);
        let tensor =
            output.into_tensor::<f32>().ok_or_else(|| Error::Run("its output is no float tensor".to_owned()))?;
        let values = tensor.into_data();
        if values.len() != n_rows * wanted {
            let got = values.len();
            return Err(Error::Run(format!("it gave {got} numbers for {n_rows} rows, wanted {wanted} a row")));
        }
        Ok(values.into_iter().skip(self.schema.output.column).step_by(wanted).collect())
    }
}

/// The runtime is told to fail with errors; should it panic all the same, that is an error too.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Error::Run(format!("the runtime panicked: {}", said.unwrap_or("without a word")))
    })
}

/// Are the inputs and the output in the file as they are declared?
fn check_interface(graph: &GraphProto, schema: &Schema) -> Result<()> {
    let weights: BTreeSet<&str> = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|value| !value.name.as_deref().is_some_and(|name| weights.contains(name))).collect();
    let outputs: Vec<&ValueInfoProto> = graph.output.iter().collect();
    for input in &schema.inputs {
        let found = find("input", &inputs, &input.name)?;
        check_value(&format!("input {:?}", input.name), found, input.dtype, &input.shape)?;
    }
    if let Some(other) = inputs.iter().find(|value| !schema.inputs.iter().any(|i| Some(&i.name) == value.name.as_ref()))
    {
        let name = other.name.as_deref().unwrap_or("?");
        return Err(Error::Mismatch(format!("the model also has the input {name:?}; declare it with its features")));
    }
    let output = &schema.output;
    let found = find("output", &outputs, &output.name)?;
    // A list of maps (`ZipMap`) is read as the probabilities that it is made of.
    if found.r#type.as_ref().is_some_and(|t| t.tensor_type.is_none()) {
        return Ok(());
    }
    check_value(&format!("output {:?}", output.name), found, output.dtype, &output.shape)
}

fn find<'a>(kind: &str, values: &[&'a ValueInfoProto], name: &str) -> Result<&'a ValueInfoProto> {
    let found = values.iter().find(|value| value.name.as_deref() == Some(name));
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = values.iter().filter_map(|value| value.name.as_deref()).collect();
        Error::Mismatch(format!("the schema declares the {kind} {name:?}; the model has: {}", names.join(", ")))
    })
}

fn check_value(what: &str, value: &ValueInfoProto, dtype: Dtype, shape: &[Dim]) -> Result<()> {
    let Some(tensor) = value.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return Err(Error::Mismatch(format!("{what} is no tensor in the model, wanted {dtype}")));
    };
    let got = tensor.elem_type.unwrap_or(DataType(0));
    let wanted = match dtype {
        Dtype::Float32 => DataType::FLOAT,
        Dtype::Float64 => DataType::DOUBLE,
        Dtype::Int32 => DataType::INT32,
        Dtype::Int64 => DataType::INT64,
    };
    if got != wanted {
        let strings = if got == DataType::STRING { "; texts are not taken, export with numbers or flags" } else { "" };
        return Err(Error::Mismatch(format!("{what} is {got} in the model, {dtype} in the schema{strings}")));
    }
    let Some(got) = tensor.shape.as_ref() else { return Ok(()) };
    let got: Vec<Dim> = got
        .dim
        .iter()
        .map(|dim| match dim.dim_value.filter(|length| *length > 0) {
            Some(length) => Dim::Fixed(length as usize),
            None => Dim::Any(dim.dim_param.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "?".to_owned())),
        })
        .collect();
    if let (Some(Dim::Fixed(rows)), true) = (got.first(), got.len() == shape.len()) {
        return Err(Error::Mismatch(format!(
            "{what} takes exactly {rows} rows in the model; export it with a dynamic first dimension"
        )));
    }
    let fits = |(got, wanted): (&Dim, &Dim)| matches!((got, wanted), (Dim::Any(_), _)) || got == wanted;
    if got.len() != shape.len() || !got.iter().zip(shape).all(fits) {
        return Err(Error::Mismatch(format!(
            "{what} has shape {} in the model, {} in the schema",
            shown(&got),
            shown(shape)
        )));
    }
    Ok(())
}
