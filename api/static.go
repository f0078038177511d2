package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"openpayment/api/docs"
	"openpayment/api/openapi"
)

// getDescription answers with what OpenAPI says of this API.
func getDescription(c *call) error {
	return c.replyStatic(mediaJSON, openapi.Document(c.h.cfg.Version))
}

// getDocs answers with the page that shows the description.
func getDocs(c *call) error {
	return c.replyDocs(docs.Page)
}

func getDocsFile(c *call) error {
	name := c.segment("file")
	if name == docs.Page { // which has a path of its own
		return routeNotFound()
	}
	return c.replyDocs(name)
}

func (c *call) replyDocs(name string) error {
	file, ok := docs.Files()[name]
	if !ok {
		return routeNotFound()
	}
	return c.replyStatic(file.Media, file.Text)
}

// replyStatic answers with what is the same as long as the program is. Browsers may
// keep it, and ask whether it still is.
func (c *call) replyStatic(media string, text []byte) error {
	sum := sha256.Sum256(text)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	known, err := ifNoneMatch(c.r.Header, tag)
	if err != nil {
		return err
	}
	c.w.Header().Set("ETag", tag)
	c.w.Header().Set("Cache-Control", "no-cache")
	c.w.Header().Set("Content-Security-Policy", docs.Policy)
	if known {
		return c.reply(http.StatusNotModified, "", nil)
	}
	c.send(http.StatusOK, media, text)
	return nil
}
