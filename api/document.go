package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep arrays and objects of a body may be nested.
const maxDepth = 64

// checkDocument is nil when body is exactly one JSON document in the strict sense
// of RFC 7493: UTF-8, and no name twice in one object.
func checkDocument(body []byte) error {
	if !utf8.Valid(body) {
		return badJSON("is not valid UTF-8")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	documents := 0
	for {
		_, err := dec.ReadToken()
		switch {
		case err == io.EOF && documents == 0:
			return badJSON("is empty")
		case err == io.EOF:
			return nil
		case err != nil:
			return badSyntax(dec, err)
		case dec.StackDepth() > maxDepth:
			return badJSON(fmt.Sprintf("is nested deeper than %d levels", maxDepth))
		case dec.StackDepth() == 0:
			if documents++; documents > 1 {
				return badJSON("holds a second document behind the first")
			}
		}
	}
}

func badJSON(detail string) error { return newProblem(codeBadJSON, "the body "+detail) }

// badSyntax says in this service's words where the decoder stopped.
func badSyntax(dec *jsontext.Decoder, err error) error {
	at := dec.InputOffset()
	syntax, _ := errors.AsType[*jsontext.SyntacticError](err)
	if syntax != nil {
		at = syntax.ByteOffset
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return badJSON(fmt.Sprintf("has a name twice in one object: %s", syntax.JSONPointer))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badJSON("ends in the middle of a JSON document")
	}
	return badJSON(fmt.Sprintf("is not JSON: look around byte %d", at))
}
