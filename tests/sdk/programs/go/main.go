// OpenAI's SDK for Go: OPENAI_BASE_URL and OPENAI_API_KEY are read by the SDK itself. Asks again and again, two at a
// time in each way, until standard input ends; says of each request how it went.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

var retries = os.Getenv("RETRIES") // "default", or how many the SDK is to make

func client() openai.Client {
	if count, err := strconv.Atoi(retries); err == nil {
		return openai.NewClient(option.WithMaxRetries(count))
	}
	return openai.NewClient()
}

func asked(said string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "deepseek-chat",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(said)},
	}
}

func plain(sdk *openai.Client, said string) (string, error) {
	answer, err := sdk.Chat.Completions.New(context.Background(), asked(said))
	if err != nil {
		return "", err
	}
	return answer.Choices[0].Message.Content, nil
}

func streaming(sdk *openai.Client, said string) (string, error) {
	stream, text := sdk.Chat.Completions.NewStreaming(context.Background(), asked(said)), ""
	for stream.Next() {
		if chunk := stream.Current(); len(chunk.Choices) > 0 {
			text += chunk.Choices[0].Delta.Content
		}
	}
	return text, stream.Err()
}

func main() {
	sdk := client()
	ways := map[string]func(*openai.Client, string) (string, error){"plain": plain, "streaming": streaming}
	var ended atomic.Bool
	var workers sync.WaitGroup
	for name, ask := range ways {
		for worker := range 2 {
			workers.Go(func() {
				for number := 0; !ended.Load(); number++ {
					said, how := fmt.Sprintf("%s %s %d %d", retries, name, worker, number), "ok"
					if reply, err := ask(&sdk, said); err != nil {
						how = fmt.Sprintf("failed: %.300v", err)
					} else if reply != "You said: "+said {
						how = fmt.Sprintf("failed: %q", reply)
					}
					fmt.Printf("%s %s\n", name, how)
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	ended.Store(true)
	workers.Wait()
}
