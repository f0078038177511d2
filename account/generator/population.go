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
	{30, (*population).deposit},
	{40, (*population).transfer},
	{12, (*population).withdraw},
	{15, (*population).update},
	{3, (*population).close},
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
	view      account.View     // of the accounts as they are
	unopened  int              // accounts to come
	remaining int              // events to come
	opened    int              // accounts so far
	open      []account.Number // that are not closed
	first     int              // place of the first account's number among all
}

func newPopulation(c Config, view account.View) population {
	p := population{random: newRandom(c.Seed), view: view, unopened: c.Accounts, remaining: c.Events}
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
	at, last := p.any(func(a *account.Account) bool { return a.Balance == 0 }), len(p.open)-1
	if at < 0 {
		return nil
	}
	n := p.open[at]
	p.open[at] = p.open[last]
	p.open = p.open[:last]
	return account.Close{Account: n}
}

// any is the place among open of an account as it is wanted, -1 if none of a few is.
func (p *population) any(wanted func(*account.Account) bool) int {
	for range 4 {
		if at := p.below(len(p.open)); wanted(p.view.Account(p.open[at])) {
			return at
		}
	}
	return -1
}

// most is what is moved at once, in minor units: even MaxEvents of it, all into one
// account, are far from the limit of a balance.
const most = 1000_00

func (p *population) deposit() account.Command {
	n := p.open[p.below(len(p.open))]
	return account.Deposit{Account: n, Amount: int64(1 + p.below(most)), Currency: account.DefaultCurrency, Reference: p.reference()}
}

// taken is an account that has something, and how much is taken from it.
func (p *population) taken() (n account.Number, amount int64) {
	at := p.any(func(a *account.Account) bool { return a.Balance > 0 })
	if at < 0 {
		return "", 0
	}
	n = p.open[at]
	return n, int64(1 + p.below(int(min(p.view.Account(n).Balance, most))))
}

func (p *population) withdraw() account.Command {
	n, amount := p.taken()
	if n == "" {
		return nil
	}
	return account.Withdraw{Account: n, Amount: amount, Currency: account.DefaultCurrency, Reference: p.reference()}
}

func (p *population) transfer() account.Command {
	from, amount := p.taken()
	to := p.open[p.below(len(p.open))]
	if from == "" || from == to {
		return nil
	}
	return account.Transfer{From: from, To: to, Amount: amount, Currency: account.DefaultCurrency, Reference: p.reference()}
}

// reference is empty for most.
func (p *population) reference() string {
	if p.below(4) > 0 {
		return ""
	}
	return "invoice " + strconv.Itoa(p.below(1_000_000))
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
