package bench

// HTML gives the report as one page.
func (r *Report) HTML(old *Report) ([]byte, error) { return nil, nil }
