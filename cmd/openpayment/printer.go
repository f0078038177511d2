package main

import (
	"fmt"
	"io"
)

// printer prints lines, until one of them fails.
type printer struct {
	out    io.Writer
	failed error // of the first that could not be printed
}

func (p *printer) line(format string, args ...any) {
	if p.failed == nil {
		_, p.failed = fmt.Fprintf(p.out, format+"\n", args...)
	}
}
