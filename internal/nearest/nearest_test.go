package nearest

import (
	"strings"
	"testing"
)

func TestOnlyANameNearEnoughIsSuggested(t *testing.T) {
	names := []string{"sortCode", "customerURLs", "cardURLs", "dc"}
	for written, want := range map[string]string{
		"sortcode":              "sortCode",
		"sort_code":             "sortCode",
		"cardURL":               "cardURLs",
		"CARDURLS":              "cardURLs",
		"customerUrl":           "customerURLs",
		"sort":                  "",
		"":                      "",
		"xy":                    "",
		"db":                    "dc",
		strings.Repeat("x", 41): "",
	} {
		if got := Of(written, names); got != want {
			t.Errorf("%q suggests %q, want %q", written, got, want)
		}
	}
}
