package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// stdio is the name of standard input or output where a file is expected.
const stdio = "-"

// maxWindow bounds the memory that a compressed file may ask for.
const maxWindow = 64 << 20

// compressed gives what compresses into w, as the file's name demands. Closing it
// leaves w open.
func compressed(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w), nil
	case strings.HasSuffix(name, ".zst"):
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		return plainWriter{w}, nil
	}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// decompressed is the opposite of compressed.
func decompressed(r io.Reader, name string) (io.ReadCloser, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewReader(r)
	case strings.HasSuffix(name, ".zst"):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return io.NopCloser(r), nil
	}
}

// openArchive opens a file for reading, or gives stdin.
func openArchive(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == stdio {
		return io.NopCloser(stdin), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := decompressed(file, name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return archiveReader{r, file}, nil
}

type archiveReader struct {
	io.ReadCloser
	file *os.File
}

func (r archiveReader) Close() error { return errors.Join(r.ReadCloser.Close(), r.file.Close()) }

// writeArchive has write write a file, which gets its name only when it is whole
// and on the disk. Until then it has another, beside it; that one is removed if
// anything fails, and stays if the process is killed.
func writeArchive(name string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.partial")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // closed already, or of no use
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	out, err := compressed(file, name)
	if err != nil {
		return err
	}
	if err := write(out); err != nil {
		return err
	}
	if err := errors.Join(out.Close(), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a new name in a directory durable, where the system can do that.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return nil // it may be written without being readable; the file itself is safe
	}
	_ = dir.Sync() // not every file system can
	return dir.Close()
}
