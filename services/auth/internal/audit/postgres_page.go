package audit

import (
	"context"
	"fmt"
	"strconv"
)

// Page reads a page. It returns a 503 if the database does not answer.
func (l *Log) Page(ctx context.Context, q Query) (Page, error) {
	query, args := q.sql()
	found, err := collect(ctx, l.db, query, args...)
	if err != nil {
		return Page{}, fmt.Errorf("read audit: %w", err)
	}
	return q.page(found), nil
}

// sql names only the columns that are filtered by, so that each filter finds its
// index, whose order is that of the page.
func (q Query) sql() (query string, args []any) {
	from, until := q.bounds()
	query, args = `SELECT `+Columns+` FROM audit WHERE id >= $1 AND id < $2`, []any{from, until}
	for _, filter := range []struct{ column, value string }{
		{"type", string(q.Type)}, {"outcome", q.Outcome}, {"actor", q.Actor}, {"subject", q.Subject}, {"client_id", q.ClientID},
	} {
		if filter.value != "" {
			args = append(args, filter.value)
			query += ` AND ` + filter.column + ` = $` + strconv.Itoa(len(args))
		}
	}
	args = append(args, q.Limit+1)
	return query + ` ORDER BY id DESC LIMIT $` + strconv.Itoa(len(args)), args
}
