package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// maxBody is how long a body may be.
	maxBody = 1 << 20
	// smallBody is how long a body may be for which memory is made before it is there.
	smallBody = 4 << 10
	// maxDrain is how much more of one that is too long is read and thrown away.
	// Most clients look for the answer only when they have sent all, and lose it
	// when the connection is cut before.
	maxDrain = 8 << 20
)

// limitReading gives a client so much time to send its body, whether the body is
// wanted or not.
func limitReading(c *call) {
	if c.r.Body == nil || c.r.Body == http.NoBody {
		return
	}
	// Not every ResponseWriter is a connection: then there is nothing to limit.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(c.h.cfg.BodyTimeout))
}

// readBody takes the request's body, of the given media type or another one. An
// operation without one takes no body, but what is sent all the same counts: it may be too long, and
// is part of what an idempotency key stands for.
func (c *call) readBody(media string, also ...string) error {
	if media == "" && (c.r.Body == nil || c.r.Body == http.NoBody) {
		return nil
	}
	if c.r.ContentLength > maxBody && expectsContinue(c.r) {
		return c.tooLarge() // before it is sent
	}
	body, err := c.readAll()
	switch {
	case len(body) > maxBody:
		_, _ = io.CopyN(io.Discard, c.r.Body, maxDrain)
		return c.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.cut("the body did not arrive in time", err)
	case err != nil:
		return c.cut("the body did not arrive whole", err)
	}
	// Only now, and only because nothing is left to read: what is still to come
	// on this connection is another request.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	if media != "" {
		if c.media, err = mediaOf(c.r.Header, append([]string{media}, also...), len(body) > 0); err != nil {
			return err
		}
	}
	c.body = body
	return nil
}

// readAll reads the body, and one byte more than it may have.
func (c *call) readAll() ([]byte, error) {
	n := c.r.ContentLength
	if n < 0 || n > smallBody { // memory is made for what arrives, not for what is announced
		return io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	}
	body := make([]byte, n)
	read, err := io.ReadFull(c.r.Body, body)
	return body[:read], err
}

func (c *call) tooLarge() error {
	p := newProblem(codeBodyTooLarge, "a body may have up to 1048576 bytes: send less")
	p.header.Set("Connection", "close")
	return p
}

func (c *call) cut(detail string, cause error) error {
	p := newProblem(codeBadJSON, detail+": send it again").because(cause)
	p.header.Set("Connection", "close")
	return p
}

// mediaOf is the type that the body is said to be of, which has to be one of those
// known; the first of them if there is no body. Parameters, of which only charset has a
// meaning, don't matter: JSON is always UTF-8.
func mediaOf(header http.Header, known []string, hasBody bool) (string, error) {
	values, codings := header["Content-Type"], header["Content-Encoding"]
	if len(values) == 1 && len(codings) == 0 && slices.Contains(known, values[0]) {
		return values[0], nil // as nearly always
	}
	p := newProblem(codeMediaType, "the body must be "+strings.Join(known, " or ")+": say so in the header Content-Type")
	if slices.Contains(known, mediaMergePatch) {
		p.header.Set("Accept-Patch", mediaMergePatch)
	}
	for _, coding := range codings {
		if !strings.EqualFold(coding, "identity") {
			p.detail = "the body must come as it is, without a Content-Encoding"
			return "", p
		}
	}
	if len(values) == 0 && !hasBody {
		return known[0], nil // that the body is missing is another fault
	}
	if len(values) == 1 {
		if given, _, err := mime.ParseMediaType(values[0]); err == nil && slices.Contains(known, given) {
			return given, nil
		}
	}
	return "", p
}
