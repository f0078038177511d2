package api

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account"
)

// amount takes a required field that holds an amount of money; 0, which is none,
// when it is faulty. It is the value that has to be whole, not the way it is
// written: 1e3 and 1000.0 are a thousand.
func (f *form) amount(name string) int64 {
	value, present := f.members[name]
	switch {
	case !present:
		f.fault(pointer(name), "is required")
	case value.Kind() == jsontext.KindNull:
		f.fault(pointer(name), "must be a number; "+nullDetail)
	case value.Kind() == jsontext.KindString:
		f.fault(pointer(name), "must be a number, written without quotes")
	case value.Kind() != jsontext.KindNumber:
		f.fault(pointer(name), "must be a number")
	default:
		if amount, ok := wholeNumber(string(value)); ok {
			return amount // which may be out of range: the domain says so
		}
		f.fault(pointer(name), account.AmountRule)
	}
	return 0
}

// wholeNumber gives the exact value of a JSON number; ok is false when that is no
// whole number or does not fit. It goes by the digits as they stand, so that
// nothing is rounded and an exponent of any size costs nothing.
func wholeNumber(s string) (value int64, ok bool) {
	s, negative := strings.CutPrefix(s, "-")
	s, exponent := cutExponent(s)
	whole, fraction, _ := strings.Cut(s, ".")
	// The value is the digits, with so many zeros behind them, or so many of them
	// behind the point.
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, true
	}
	significant := strings.TrimRight(digits, "0")
	zeros := len(digits) - len(significant) - len(fraction) + exponent
	const longest = 19 // decimal digits of an int64
	if zeros < 0 || zeros+len(significant) > longest {
		return 0, false
	}
	value, err := strconv.ParseInt(significant+strings.Repeat("0", zeros), 10, 64)
	if negative {
		value = -value
	}
	return value, err == nil
}

// cutExponent takes the exponent off a JSON number. One too large for any body to
// make up for comes back as a bound.
func cutExponent(s string) (mantissa string, exponent int) {
	at := strings.IndexAny(s, "eE")
	if at < 0 {
		return s, 0
	}
	// Out of range gives the nearest that is in it.
	bounded, _ := strconv.ParseInt(s[at+1:], 10, 32)
	return s[:at], int(bounded)
}
