package journal

import (
	"strings"

	"openpayment/account"
)

// plain reads data that is written exactly as this program writes it, and of printable
// ASCII that had nothing to be escaped in it. That is nearly all there is, and takes a
// fraction of the time of reading any JSON. Where it is not sure it says so: then the
// library reads what is there, and says what is wrong with it.
//
// It reads from front to back; after what it did not expect, it reads nothing more.
type plain struct {
	rest string
	lost bool
}

// plainForm is a form that can be read in this way.
type plainForm interface{ readPlain(*plain) }

// done tells whether all was as expected, and is read.
func (p *plain) done() bool { return !p.lost && p.rest == "" }

func (p *plain) expect(literal string) {
	rest, ok := strings.CutPrefix(p.rest, literal)
	p.rest, p.lost = rest, p.lost || !ok
}

// next tells whether a literal follows, and passes over it.
func (p *plain) next(literal string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, literal)
	return ok && !p.lost
}

// piece reads a text. It is a piece of the data, all of which stays in memory as long as
// it does.
func (p *plain) piece() string {
	p.expect(`"`)
	for i := 0; i < len(p.rest) && !p.lost; i++ {
		switch c := p.rest[i]; {
		case c == '"':
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text
		case c < ' ' || c > '~' || c == '\\':
			p.lost = true
		}
	}
	p.lost = true
	return ""
}

// text reads a text that may be kept.
func (p *plain) text() string { return strings.Clone(p.piece()) }

func (p *plain) number() account.Number { return account.Number(p.text()) }

// currency is mostly the one that is always there.
func (p *plain) currency() account.Currency {
	if c := account.Currency(p.piece()); c != account.DefaultCurrency {
		return account.Currency(strings.Clone(string(c)))
	}
	return account.DefaultCurrency
}

// texts reads a list of texts that may be kept.
func (p *plain) texts() []string {
	p.expect("[")
	if p.next("]") {
		return []string{}
	}
	all := make([]string, 0, 2)
	for !p.lost {
		all = append(all, p.text())
		if p.next("]") {
			break
		}
		p.expect(",")
	}
	return all
}

// amount reads a whole number of at least 1, and of no more digits than any amount has.
func (p *plain) amount() int64 {
	n, digits := int64(0), 0
	for digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		n = n*10 + int64(p.rest[digits]-'0')
		if digits++; n == 0 || digits > 16 {
			p.lost = true
			return 0
		}
	}
	p.rest, p.lost = p.rest[digits:], p.lost || digits == 0
	return n
}

// details reads what begins the forms of all events that describe an account.
func (p *plain) details() (number account.Number, sortCode string, customers, cards []string) {
	p.expect(`{"accountNumber":`)
	number = p.number()
	p.expect(`,"sortCode":`)
	sortCode = p.text()
	p.expect(`,"customerURLs":`)
	customers = p.texts()
	p.expect(`,"cardURLs":`)
	cards = p.texts()
	return number, sortCode, customers, cards
}

func (d *openedV1) readPlain(p *plain) {
	d.AccountNumber, d.SortCode, d.CustomerURLs, d.CardURLs = p.details()
	p.expect(`,"currency":`)
	d.Currency = p.currency()
	p.expect("}")
}

func (d *updatedV1) readPlain(p *plain) {
	d.AccountNumber, d.SortCode, d.CustomerURLs, d.CardURLs = p.details()
	p.expect("}")
}

func (d *closedV1) readPlain(p *plain) {
	p.expect(`{"accountNumber":`)
	d.AccountNumber = p.number()
	p.expect("}")
}

// Of money that moves no state keeps the texts: they may be pieces.
func (d *movedV1) readPlain(p *plain) {
	p.expect(`{"accountNumber":`)
	d.AccountNumber = account.Number(p.piece())
	d.Amount, d.Currency, d.Reference = p.moved()
}

func (d *transferredV1) readPlain(p *plain) {
	p.expect(`{"from":`)
	d.From = account.Number(p.piece())
	p.expect(`,"to":`)
	d.To = account.Number(p.piece())
	d.Amount, d.Currency, d.Reference = p.moved()
}

// moved reads what ends the forms of all events that move money.
func (p *plain) moved() (amount int64, currency account.Currency, reference optionalText) {
	p.expect(`,"amount":`)
	amount = p.amount()
	p.expect(`,"currency":`)
	currency = p.currency()
	if p.next(`,"reference":`) {
		if reference = optionalText(p.piece()); reference == "" {
			p.lost = true
		}
	}
	p.expect("}")
	return amount, currency, reference
}
