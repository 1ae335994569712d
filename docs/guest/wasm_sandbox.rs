//! Plug-ins for wasm-sandbox in Rust, without a crate: input, output, errors, and .npy files. Take it in by
//! `mod wasm_sandbox;`. docs/guests.md is the guide, docs/extism.md the reference of what is imported.
#![allow(dead_code)]

mod env {
    #[link(wasm_import_module = "extism:host/env")]
    extern "C" {
        pub fn alloc(length: u64) -> u64;
        pub fn store_u8(address: u64, byte: u32);
        pub fn store_u64(address: u64, word: u64);
        pub fn error_set(address: u64);
        pub fn input_length() -> u64;
    }
}

mod bulk {
    #[link(wasm_import_module = "wasm_sandbox_plugin")]
    extern "C" {
        pub fn input_read(offset: usize, to: *mut u8, room: usize) -> i32;
        pub fn output_write(bytes: *const u8, length: usize) -> i32;
    }
}

/// Calls a function with the input. What it gives is the output; or its error that of the call. Gives the status for the
/// exported function to end with: 0, or 1 for an error.
pub fn call(function: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>) -> i32 {
    let message = match function(&input()) {
        Ok(output) if unsafe { bulk::output_write(output.as_ptr(), output.len()) } == 0 => return 0,
        Ok(_) => "the output has no room".to_string(),
        Err(message) => message,
    };
    unsafe { env::error_set(block(message.as_bytes())) };
    1
}

fn input() -> Vec<u8> {
    let mut bytes = vec![0; unsafe { env::input_length() } as usize];
    unsafe { bulk::input_read(0, bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

/// A block of the host's with a copy of these bytes; 0 where there is no room for it.
fn block(bytes: &[u8]) -> u64 {
    let address = unsafe { env::alloc(bytes.len() as u64) };
    if address == 0 {
        return 0;
    }
    let words = bytes.chunks_exact(8);
    let (rest, behind) = (words.remainder(), bytes.len() - words.remainder().len());
    for (i, word) in words.enumerate() {
        unsafe { env::store_u64(address + 8 * i as u64, u64::from_le_bytes(word.try_into().unwrap())) };
    }
    for (i, byte) in rest.iter().enumerate() {
        unsafe { env::store_u8(address + (behind + i) as u64, (*byte).into()) };
    }
    address
}

/// An array of several dimensions that is in a .npy file (docs/values.md).
pub struct Npy<'a> {
    /// The kind of elements and their bytes, as "f8".
    pub kind: String,
    pub shape: Vec<usize>,
    /// The elements, row by row.
    pub data: &'a [u8],
}

impl<'a> Npy<'a> {
    /// The file that the bytes begin with, and what stands behind it; none where it is none that this reads: of version 1,
    /// little-endian, row by row, with elements of 1 to 8 bytes and up to 8 dimensions below 1,000,000,000.
    pub fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let rest = bytes.strip_prefix(b"\x93NUMPY\x01")?;
        let length = u16::from_le_bytes(rest.get(1..3)?.try_into().ok()?) as usize;
        let head: String = rest.get(3..3 + length)?.iter().map(|&byte| byte as char).collect();
        let elements = &rest[3 + length..];

        let behind = |wanted: &str| head.split_once(wanted).map(|(_, behind)| behind);
        let kind = behind("'descr': '")?.strip_prefix(['<', '|'])?.split_once('\'')?.0;
        let size = match kind.as_bytes() {
            [b'a'..=b'z' | b'A'..=b'Z', digit @ b'1'..=b'8'] => (digit - b'0') as usize,
            _ => return None,
        };
        behind("'fortran_order': False")?;
        let (tuple, _) = behind("'shape': (")?.split_once(')')?;
        let tuple = tuple.replace(", ", ",");
        let mut shape = Vec::new();
        if !tuple.is_empty() {
            for digits in tuple.strip_suffix(',').unwrap_or(&tuple).split(',') {
                shape.push(number(digits, 9)? as usize);
            }
        }
        if shape.len() > 8 {
            return None;
        }
        let empty = shape.contains(&0);
        let all = shape.iter().try_fold(size, |all, length| all.checked_mul(*length));
        let taken = if empty { 0 } else { all? };
        Some((Npy { kind: kind.to_string(), shape, data: elements.get(..taken)? }, &elements[taken..]))
    }

    /// The elements of an array of float64; none where it is of something else.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
        (self.kind == "f8").then(|| self.data.chunks_exact(8).map(number).collect())
    }
}

/// A file of float64.
pub fn write_npy(shape: &[usize], elements: &[f64]) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut head = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}{comma}), }}", lengths.join(", "));
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    head.push('\n');
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.bytes());
    file.extend(elements.iter().flat_map(|element| element.to_le_bytes()));
    file
}

/// The number that 1 to `most` decimal digits are, of which 19 fit; none for any other text.
pub fn number(text: &str, most: usize) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap())
}
