package generator

import (
	"fmt"
	"strconv"

	"openpayment/account"
)

// kind is one sort of command.
type kind struct {
	weight int // how often it comes up, compared with the others
	// command makes one; nil where it can't be just now.
	command func(*population) account.Command
}

// kinds are what happens to accounts that are open. One that can't be gives way to
// the first, which always can.
var kinds = []kind{
	{95, (*population).update},
	{5, (*population).close},
}

var allWeights = func() (sum int) {
	for _, k := range kinds {
		sum += k.weight
	}
	return sum
}()

// population is the accounts that there are, as far as it takes to choose what
// happens next.
type population struct {
	random
	unopened  int              // accounts to come
	remaining int              // events to come
	opened    int              // accounts so far
	open      []account.Number // that are not closed
	first     int              // place of the first account's number among all
}

func newPopulation(c Config) population {
	p := population{random: newRandom(c.Seed), unopened: c.Accounts, remaining: c.Events}
	p.first = p.below(MaxAccounts)
	return p
}

// command chooses what happens next. Each choice of events for the openings is as
// likely as any other, but that an account must be there before anything can
// happen to it; and all accounts will have been opened when the log ends.
func (p *population) command() account.Command {
	p.remaining--
	if p.unopened > 0 && (len(p.open) == 0 || p.below(p.remaining+1) < p.unopened) {
		return p.opening()
	}
	at := p.below(allWeights)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			if c := k.command(p); c != nil {
				return c
			}
			break
		}
	}
	return kinds[0].command(p)
}

func (p *population) opening() account.Command {
	n := p.number(p.opened)
	p.opened++
	p.unopened--
	p.open = append(p.open, n)
	return account.Open{Number: string(n), SortCode: p.sortCode(), CustomerURLs: p.urls("customers", n, 1+p.below(2)), CardURLs: p.urls("cards", n, p.below(2))}
}

func (p *population) update() account.Command {
	n := p.open[p.below(len(p.open))]
	c := account.Update{Account: n}
	switch p.below(10) {
	case 0:
		code := p.sortCode()
		c.SortCode = &code
	case 1, 2, 3:
		cards := p.urls("cards", n, 1+p.below(2))
		c.CardURLs = &cards
	default:
		customers := p.urls("customers", n, 1+p.below(2))
		c.CustomerURLs = &customers
	}
	return c
}

// closedShare is the part of all accounts, one of so many, that may be closed.
const closedShare = 20

func (p *population) close() account.Command {
	closed := p.opened - len(p.open)
	if len(p.open) < 2 || (closed+1)*closedShare > p.opened {
		return nil
	}
	at, last := p.below(len(p.open)), len(p.open)-1
	n := p.open[at]
	p.open[at] = p.open[last]
	p.open = p.open[:last]
	return account.Close{Account: n}
}

// stride leads through all numbers in leaps: it has no factor in common with
// MaxAccounts.
const stride = 38_196_601

// number is that of the account which is opened as the i-th; none comes twice.
func (p *population) number(i int) account.Number {
	return account.Number(fmt.Sprint(10_000_000 + (p.first+i*stride)%MaxAccounts))
}

func (p *population) sortCode() string {
	n := p.below(200) // branches
	return fmt.Sprintf("%02d-%02d-%02d", 10+n/50, n%50*2, n%7*10)
}

// urls are count different ones, of services that keep more about the account.
func (p *population) urls(of string, n account.Number, count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = "https://" + of + strconv.Itoa(i+1) + ".example/" + string(n) + "/" + strconv.FormatUint(p.Uint64()>>32, 16)
	}
	return all
}
