//! Streams written by hand, to see how often their bytes are read, and what a reader makes of a writer that goes on.

use super::*;
use crate::journal::window::tests::asked_for;
use crate::model::record::HEADER;
use std::fs;

/// What a reader asks for beside the bytes of a stream: headers, and a piece at each place that it looks at again.
const BESIDE: u64 = 3 * 256 * 1024;

/// A stream whose segments are made one by one.
struct Made {
    layout: Layout,
    stream: StreamId,
    segments: Vec<Vec<u8>>,
    seq: u64,
    _dir: tempfile::TempDir,
}

impl Made {
    fn new() -> Made {
        let dir = tempfile::tempdir().unwrap();
        let (layout, stream) = (Layout::at(dir.path()), StreamId([3; 16]));
        fs::create_dir_all(layout.stream_dir(stream)).unwrap();
        let mut made = Made { layout, stream, segments: Vec::new(), seq: 0, _dir: dir };
        made.turn();
        made
    }

    /// Begins another segment.
    fn turn(&mut self) {
        let number = self.segments.len() as u32;
        let header = SegmentHeader { stream: self.stream, number, first_seq: self.seq, wall_ns: 1 };
        self.segments.push(header.encode().to_vec());
    }

    fn push(&mut self, records: usize) {
        let number = self.segments.len() as u32 - 1;
        for _ in 0..records {
            let header = Header { seq: self.seq, ..Header::new(Kind::PanicObserved) };
            let header: [u8; HEADER] = header.encode();
            frame::write(&mut self.segments[number as usize], frame::seed(self.stream, number), &header, b"\xbf\xff");
            self.seq += 1;
        }
    }

    /// Puts the segments on disk with so many zeros behind each, and one that is prepared and not used.
    fn store(&self, zeros: usize) -> u64 {
        let mut size = 0;
        let prepared = vec![0u8; SEGMENT_HEADER];
        for (number, bytes) in self.segments.iter().chain([&prepared]).enumerate() {
            let mut bytes = bytes.clone();
            bytes.resize(bytes.len() + zeros, 0);
            size += bytes.len() as u64;
            fs::write(self.layout.segment(self.stream, number as u32), bytes).unwrap();
        }
        size
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.layout, self.stream).unwrap()
    }
}

fn rest(reader: &mut Reader) -> u64 {
    while reader.next().unwrap().is_some() {}
    reader.end().records
}

#[test]
fn j15_the_zeros_behind_a_stream_are_read_once() {
    const ZEROS: usize = 4 << 20;
    let mut made = Made::new();
    made.push(100);
    made.turn();
    made.push(100);
    let size = made.store(ZEROS);
    let mut reader = made.reader();
    let (records, asked) = asked_for(|| rest(&mut reader));
    assert_eq!((records, reader.end().tear.clone(), reader.end().torn_bytes), (200, None, 0));
    assert!(asked <= size + BESIDE, "{asked} of {size} bytes");
    // The control: whoever looks once more asks for more than that.
    let end = reader.end().offset;
    let (_, again) = asked_for(|| {
        reader.window.forget();
        reader.used_from(end).unwrap()
    });
    assert!(asked + again > size + BESIDE, "{again}");
}

#[test]
fn j15_who_follows_a_stream_reads_nothing_of_what_is_prepared_behind_it() {
    let mut made = Made::new();
    made.push(100);
    let size = made.store(8 << 20);
    let mut reader = made.reader().following();
    let (records, asked) = asked_for(|| rest(&mut reader));
    assert_eq!(records, 100);
    assert!(asked <= BESIDE, "{asked} of {size} bytes");
    let (segment, offset, seq) = (reader.end().segment, reader.end().offset, reader.end().records);
    let again = || Reader::from(&made.layout, made.stream, segment, offset, seq).unwrap();
    let (_, polled) = asked_for(|| rest(&mut again().following()));
    assert!(polled <= BESIDE / 2, "a look at a stream that has not grown asks for {polled} bytes");
    // The control: who wants to know how the stream ends reads all of it.
    let (_, whole) = asked_for(|| rest(&mut again()));
    assert!(whole > size / 2, "{whole}");
}

#[test]
fn j13_who_follows_a_stream_comes_to_its_next_segment() {
    let mut made = Made::new();
    made.push(10);
    made.store(4096);
    let mut reader = made.reader().following();
    assert_eq!(rest(&mut reader), 10);
    made.push(5);
    made.turn();
    made.push(7);
    made.store(4096);
    assert_eq!(rest(&mut reader), 22, "what was stored since is seen");
}

/// A piece in memory is older than the segment behind it: the frames between are looked for before the reader goes on.
#[test]
fn j13_a_writer_that_turns_to_its_next_segment_while_it_is_read_leaves_no_gap() {
    let mut made = Made::new();
    made.push(10);
    made.store(64 * 1024);
    let mut reader = made.reader();
    for _ in 0..10 {
        reader.next().unwrap().unwrap();
    }
    made.push(5);
    made.turn();
    made.push(7);
    made.store(64 * 1024);
    assert_eq!((rest(&mut reader), reader.end().tear.clone()), (22, None));
    // The control: a segment that really does not begin there is told.
    let mut made = Made::new();
    made.push(10);
    made.seq += 1;
    made.turn();
    made.push(1);
    made.store(4096);
    let mut reader = made.reader();
    assert_eq!((rest(&mut reader), reader.end().tear.clone()), (10, Some(Tear::SegmentGap(1))));
}

/// A writer that closes removes what it had prepared: a reader that has listed it a moment ago is at the stream's end, and
/// not before something that cannot be read.
#[test]
fn j13_a_segment_that_goes_between_listing_and_opening_ends_the_stream() {
    let mut made = Made::new();
    made.push(10);
    made.store(4096);
    let mut reader = made.reader();
    while reader.next().unwrap().is_some() {}
    (reader.done, reader.segments) = (false, vec![0, 1]);
    fs::remove_file(made.layout.segment(made.stream, 1)).unwrap();
    assert!(!reader.next_segment().unwrap());
    assert_eq!((reader.end().records, reader.end().tear.clone()), (10, None));
    // The control: a segment that is gone although a later one is in use is missing.
    made.turn();
    made.turn();
    made.push(1);
    made.store(4096);
    fs::remove_file(made.layout.segment(made.stream, 1)).unwrap();
    (reader.done, reader.segments) = (false, vec![0, 1, 2]);
    assert!(!reader.next_segment().unwrap());
    assert_eq!(reader.end().tear, Some(Tear::MissingSegment(1)));
}
