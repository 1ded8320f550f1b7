//! Vectors of chunks, a byte a number, and the exact scan for the nearest ones.
//!
//! Each vector has a scale of its own, so that a byte is precise to less than half a percent of
//! its largest number. There is no index structure: 50,000 vectors are scanned in milliseconds.

/// Vectors of equal length, quantized to a byte a number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vectors {
    dimensions: usize,
    /// What one step of the bytes is worth, per vector.
    scales: Vec<f32>,
    /// All vectors, one after the other.
    steps: Vec<i8>,
}

/// Vectors that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} vectors of {dimensions} numbers cannot be made of {steps} bytes")]
pub struct UnevenVectors {
    count: usize,
    dimensions: usize,
    steps: usize,
}

impl Vectors {
    /// Quantizes vectors.
    ///
    /// # Errors
    /// When they are not of one length.
    pub fn quantize(vectors: &[Vec<f32>]) -> Result<Self, UnevenVectors> {
        let dimensions = vectors.first().map_or(0, Vec::len);
        let (mut scales, mut steps) = (Vec::with_capacity(vectors.len()), Vec::new());
        for vector in vectors {
            let scale = scale_of(vector);
            scales.push(scale);
            steps.extend(vector.iter().map(|number| step_of(*number, scale)));
            if vector.len() != dimensions {
                return Err(UnevenVectors { count: vectors.len(), dimensions, steps: steps.len() });
            }
        }
        Ok(Self { dimensions, scales, steps })
    }

    /// Puts vectors together from their parts.
    ///
    /// # Errors
    /// When the parts do not fit together.
    pub fn from_parts(
        dimensions: usize,
        scales: Vec<f32>,
        steps: Vec<i8>,
    ) -> Result<Self, UnevenVectors> {
        if scales.len().checked_mul(dimensions) != Some(steps.len()) {
            return Err(UnevenVectors { count: scales.len(), dimensions, steps: steps.len() });
        }
        Ok(Self { dimensions, scales, steps })
    }

    /// Returns the length of each vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Returns the number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Returns what one step of the bytes is worth, per vector.
    #[must_use]
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Returns the bytes of all vectors, one after the other.
    #[must_use]
    pub fn steps(&self) -> &[i8] {
        &self.steps
    }

    /// Returns the products of every vector with `query`, in order; for vectors of unit length
    /// these are the cosines. Empty when the query is of another length.
    #[must_use]
    pub fn products(&self, query: &[f32]) -> Vec<f32> {
        if query.len() != self.dimensions || self.dimensions == 0 {
            return Vec::new();
        }
        let scale = scale_of(query);
        let query: Vec<i8> = query.iter().map(|number| step_of(*number, scale)).collect();
        self.steps
            .chunks_exact(self.dimensions)
            .zip(&self.scales)
            .map(|(steps, own)| product(steps, &query) as f32 * own * scale)
            .collect()
    }
}

fn scale_of(vector: &[f32]) -> f32 {
    let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    if largest.is_finite() { largest / 127.0 } else { 0.0 }
}

/// A number in steps; 0 when it is none, as the conversion saturates.
fn step_of(number: f32, scale: f32) -> i8 {
    if scale > 0.0 { (number / scale).round() as i8 } else { 0 }
}

/// The product of two vectors of bytes; written so that the compiler uses the vector unit.
fn product(left: &[i8], right: &[i8]) -> i32 {
    left.iter().zip(right).map(|(l, r)| i32::from(i16::from(*l) * i16::from(*r))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(numbers: &[f32]) -> Vec<f32> {
        let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
        numbers.iter().map(|n| n / length).collect()
    }

    #[test]
    fn products_are_the_cosines_within_a_percent() {
        let vectors = [unit(&[1.0, 2.0, -3.0]), unit(&[0.5, -0.1, 0.0]), unit(&[-1.0, 0.2, 4.0])];
        let query = unit(&[0.3, 1.0, -1.0]);
        let found = Vectors::quantize(&vectors).unwrap().products(&query);
        for (vector, found) in vectors.iter().zip(found) {
            let exact: f32 = vector.iter().zip(&query).map(|(a, b)| a * b).sum();
            assert!((exact - found).abs() < 0.01, "{exact} {found}");
        }
    }

    #[test]
    fn vectors_of_different_lengths_are_refused() {
        assert!(Vectors::quantize(&[vec![1.0], vec![1.0, 0.0]]).is_err());
        assert!(Vectors::from_parts(2, vec![1.0], vec![1, 2, 3]).is_err());
    }

    #[test]
    fn a_query_of_another_length_or_without_numbers_finds_nothing() {
        let vectors = Vectors::quantize(&[vec![1.0, 0.0]]).unwrap();
        assert_eq!(vectors.products(&[1.0]), Vec::<f32>::new());
        assert_eq!(vectors.products(&[f32::NAN, f32::INFINITY]), [0.0]);
        assert_eq!(Vectors::default().products(&[]), Vec::<f32>::new());
    }
}
