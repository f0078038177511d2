package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// preferred is the one of the offered media types that the client likes best: of those
// it names, the one with the greatest weight, and the first of equals. A client that
// names none of them gets the first that is offered; wildcards are no names.
func preferred(header http.Header, offers ...string) string {
	best, chosen := 0.0, offers[0]
	for _, rng := range strings.Split(strings.Join(header.Values("Accept"), ","), ",") {
		media, attributes, _ := strings.Cut(rng, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		if !slices.Contains(offers, media) {
			continue
		}
		if q := quality(attributes); q > best {
			best, chosen = q, media
		}
	}
	return chosen
}

// quality is the weight of a media range, 1 if none is given.
func quality(attributes string) float64 {
	for _, attribute := range strings.Split(attributes, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(attribute), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || q > 1 {
				return 0
			}
			return q
		}
	}
	return 1
}
