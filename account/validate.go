package account

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of URL lists.
const (
	MaxURLs     = 32       // in one list
	MaxURLChars = 2048     // of one URL
	MaxURLBytes = 32 << 10 // of both lists together
)

// maxChecked is how many URLs of a list that is too long are looked at: all faults
// are told at once, but not at any price.
const maxChecked = 1000

// ValidNumber tells whether s can be an account number: 6 to 12 ASCII digits.
func ValidNumber(s string) bool {
	return len(s) >= 6 && len(s) <= 12 && digits(s)
}

// NumberRule says in words what ValidNumber takes.
const NumberRule = "must be 6 to 12 digits, 0 to 9"

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ParseSortCode gives a sort code, written with or without dashes, in its one
// stored form, NN-NN-NN; ok is false if it is none.
func ParseSortCode(s string) (stored string, ok bool) {
	if len(s) == 6 {
		s = s[:2] + "-" + s[2:4] + "-" + s[4:]
	}
	if len(s) != 8 || s[2] != '-' || s[5] != '-' || !digits(s[:2]+s[3:5]+s[6:]) {
		return "", false
	}
	return s, true
}

// dashed is the stored form of a sort code known to be one.
func dashed(s string) string {
	stored, _ := ParseSortCode(s)
	return stored
}

// SortCodeRule says in words what ParseSortCode takes.
const SortCodeRule = "must be six digits, as 10-20-30 or 102030"

// faults gathers what is wrong with one command.
type faults struct{ list []Fault }

func (f *faults) add(pointer, detail string) {
	f.list = append(f.list, Fault{Pointer: pointer, Detail: detail})
}

func (f *faults) number(pointer, s string) {
	if !ValidNumber(s) {
		f.add(pointer, NumberRule)
	}
}

func (f *faults) sortCode(pointer, s string) {
	if _, ok := ParseSortCode(s); !ok {
		f.add(pointer, SortCodeRule)
	}
}

func (f *faults) currency(pointer, s string) {
	if !KnownCurrency(Currency(s)) {
		f.add(pointer, "must be a currency code of ISO 4217 in capital letters, such as GBP")
	}
}

// AmountRule says in words what an amount can be.
const AmountRule = "must be a whole number of minor units, from 1 to 9007199254740991"

func (f *faults) money(amount int64, c Currency, reference string) {
	if amount < 1 || amount > MaxBalance {
		f.add("/amount", AmountRule)
	}
	f.currency("/currency", string(c))
	if n := utf8.RuneCountInString(reference); n > MaxReferenceChars {
		f.add("/reference", fmt.Sprintf("has %d characters; at most %d are allowed", n, MaxReferenceChars))
	} else if !utf8.ValidString(reference) {
		f.add("/reference", "is not valid UTF-8")
	}
}

func (f *faults) urlLists(customers, cards []string) {
	f.urls("/customerURLs", customers)
	f.urls("/cardURLs", cards)
	f.urlTotal(customers, cards)
}

func (f *faults) urlTotal(customers, cards []string) {
	total := 0
	for _, list := range [][]string{customers, cards} {
		for _, u := range list {
			total += len(u)
		}
	}
	if total > MaxURLBytes {
		f.add("/customerURLs", fmt.Sprintf("and /cardURLs have %d bytes together; at most %d are allowed", total, MaxURLBytes))
	}
}

func (f *faults) urls(pointer string, list []string) {
	if len(list) > MaxURLs {
		f.add(pointer, fmt.Sprintf("has %d URLs; at most %d are allowed", len(list), MaxURLs))
		list = list[:min(len(list), maxChecked)]
	}
	first := make(map[string]int, len(list))
	for i, u := range list {
		at := pointer + "/" + strconv.Itoa(i)
		if earlier, twice := first[u]; twice {
			f.add(at, fmt.Sprintf("repeats %s/%d", pointer, earlier))
			continue
		}
		first[u] = i
		if problem := urlProblem(u); problem != "" {
			f.add(at, problem)
		}
	}
}

// urlProblem is what keeps u from being an absolute http(s) URL, empty if
// nothing does. Only what RFC 3986 allows in a URL is let in: invisible and
// look-alike characters have no place beside money.
func urlProblem(u string) string {
	if len(u) > MaxURLChars {
		return fmt.Sprintf("has more than %d characters", MaxURLChars)
	}
	for i := range len(u) {
		if c := u[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return "holds a character that must be percent-encoded in a URL"
		}
	}
	parsed, err := url.Parse(u)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		return "must be an absolute URL, such as https://example.com/path"
	}
	for i := range len(parsed.Host) { // percent-decoded by now
		if parsed.Host[i] >= 0x7f {
			return "has a host beyond ASCII: write it in its xn-- form"
		}
	}
	return ""
}
