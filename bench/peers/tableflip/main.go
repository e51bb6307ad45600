// The server of bench/peers/app in Go, replaced by tableflip as its documentation shows it.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/cloudflare/tableflip"
	"github.com/gorilla/websocket"
)

var (
	pieces   [][]byte
	digest   string
	upgrader websocket.Upgrader
)

func init() {
	hash := sha256.New()
	for i := 0; i < 20; i++ {
		text := []byte(fmt.Sprintf("piece %d;", i))
		piece := bytes.Repeat(text, 16*1024/len(text)+1)[:16*1024]
		pieces = append(pieces, piece)
		hash.Write(piece)
	}
	digest = hex.EncodeToString(hash.Sum(nil))
}

func milliseconds(request *http.Request) time.Duration {
	ms, _ := strconv.Atoi(request.URL.Query().Get("ms"))
	return time.Duration(ms) * time.Millisecond
}

func hello(response http.ResponseWriter, request *http.Request) {
	time.Sleep(milliseconds(request))
	io.WriteString(response, "hello\n")
}

func download(response http.ResponseWriter, request *http.Request) {
	response.Header().Set("x-sha256", digest)
	for _, piece := range pieces {
		response.Write(piece)
		response.(http.Flusher).Flush()
		time.Sleep(milliseconds(request) / time.Duration(len(pieces)))
	}
}

func upload(response http.ResponseWriter, request *http.Request) {
	hash := sha256.New()
	if _, err := io.Copy(hash, request.Body); err != nil {
		return
	}
	io.WriteString(response, hex.EncodeToString(hash.Sum(nil)))
}

func echo(response http.ResponseWriter, request *http.Request) {
	socket, err := upgrader.Upgrade(response, request, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	for count := 1; ; count++ {
		kind, message, err := socket.ReadMessage()
		if err != nil {
			return
		}
		text := fmt.Sprintf("%s %d %d", message, count, os.Getpid())
		if socket.WriteMessage(kind, []byte(text)) != nil {
			return
		}
	}
}

func main() {
	upg, err := tableflip.New(tableflip.Options{})
	if err != nil {
		log.Fatalln(err)
	}
	defer upg.Stop()
	go func() {
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP)
		for range hangups {
			if err := upg.Upgrade(); err != nil {
				log.Println("cannot upgrade:", err)
			}
		}
	}()

	listener, err := upg.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatalln(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/slow", hello)
	mux.HandleFunc("/download", download)
	mux.HandleFunc("/upload", upload)
	mux.HandleFunc("/echo", echo)
	server := http.Server{Handler: http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("x-pid", strconv.Itoa(os.Getpid()))
		mux.ServeHTTP(response, request)
	})}
	go server.Serve(listener)
	if err := upg.Ready(); err != nil {
		log.Fatalln(err)
	}
	<-upg.Exit()
	time.AfterFunc(30*time.Second, func() { os.Exit(1) })
	server.Shutdown(context.Background())
}
