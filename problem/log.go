package problem

import (
	"log/slog"
	"net/http"
)

// Log returns an ErrorHandler that writes a record for every answer of 500 and
// above, with the text of the error that the client does not get to see, and
// then lets h (nil: WriteError) answer. The record has the method, the path and
// the status; it has neither query nor headers, which may hold credentials.
//
// Refusals below 500 are the business of events, not of the error log.
func Log(l *slog.Logger, h ErrorHandler) ErrorHandler {
	if h == nil {
		h = WriteError
	}
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if d := From(err); d.status() >= http.StatusInternalServerError {
			l.LogAttrs(r.Context(), slog.LevelError, "request failed",
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", d.status()),
				slog.String("code", string(d.Code)),
				slog.Any("error", err))
		}
		h(w, r, err)
	}
}
